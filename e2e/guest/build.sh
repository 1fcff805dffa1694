#!/usr/bin/env bash
# Builds the Linux guest that the end-to-end tests boot: Debian's cloud kernel and an initramfs of our own making.
# usage: e2e/guest/build.sh OUTPUT_FOLDER        leaves vmlinuz and initramfs.gz there; does nothing when they are current
#
# Nothing is installed: the kernel package is downloaded and unpacked. The programs in the guest are this machine's own,
# with the libraries they ask for.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 OUTPUT_FOLDER" >&2; exit 2; }
[ "$(uname -m)" = x86_64 ] || { echo "$0: the test guest is x86-64 only" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
PATH=$PATH:/usr/sbin:/sbin

exec 9>"$out/lock"
flock 9
current=$(cat "$here/build.sh" "$here/init" | sha256sum)
if [ -s "$out/vmlinuz" ] && [ -s "$out/initramfs.gz" ] && [ "$(cat "$out/made-from" 2>/dev/null)" = "$current" ]; then
    exit 0
fi

for program in busybox cpio depmod ethtool iperf3 ldd modprobe; do
    command -v "$program" >/dev/null || { echo "$0: $program is missing: run cargo xtask setup" >&2; exit 1; }
done
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
kernel_package() {
    apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# ---- kernel
package=$(kernel_package)
if [ -z "$package" ]; then
    as_root apt-get update
    package=$(kernel_package)
fi
[ -n "$package" ] || { echo "$0: apt knows no linux-image-cloud-amd64" >&2; exit 1; }
release=${package#linux-image-}
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/download" "$work/kernel"
download() { (cd "$work/download" && apt-get -o APT::Sandbox::User=root download "$package"); }
download || { as_root apt-get update; download; }
dpkg-deb --extract "$work"/download/*.deb "$work/kernel"
depmod --basedir "$work/kernel" "$release"

# ---- root file system
root=$work/root
mkdir -p "$root"/{bin,dev,etc,modules,proc,run,sys,tmp,usr/bin}
cp "$here/init" "$root/init"
chmod 755 "$root/init"
cp "$(command -v busybox)" "$root/bin/busybox"
for program in ethtool iperf3; do
    path=$(command -v "$program")
    cp -L "$path" "$root/usr/bin/"
    for library in $(ldd "$path" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
done
# Modules lie in the order in which they have to be loaded.
count=100
for module in virtio_pci virtio_net 8021q; do
    for file in $(modprobe --dirname "$work/kernel" --set-version "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'); do
        name=$(basename "$file")
        case $name in
            *.xz) name=${name%.xz}; unpack="xz -dc" ;;
            *.zst) name=${name%.zst}; unpack="zstd -dc" ;;
            *) unpack=cat ;;
        esac
        ls "$root"/modules/*-"$name" >/dev/null 2>&1 && continue
        $unpack "$file" > "$root/modules/$count-$name"
        count=$((count + 1))
    done
done
(cd "$root" && find . | cpio --create --format=newc --quiet | gzip -1) > "$work/initramfs.gz"
mv "$work/initramfs.gz" "$out/initramfs.gz"
mv "$work/kernel/boot/vmlinuz-$release" "$out/vmlinuz"
printf '%s\n' "$current" > "$out/made-from"
echo "guest image: $release, $(stat -c %s "$out/initramfs.gz") bytes of initramfs"
