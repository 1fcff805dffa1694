//! QEMU: a chardev for the socket, a netdev on it, and memory in a memfd that is shared.

use super::{Attachment, shell_word};
use crate::config::Mode;

pub(super) fn render(attachment: &Attachment) -> String {
    let Attachment {
        socket,
        mode,
        mac,
        memory,
        ..
    } = attachment;
    let (arch, machine) = match std::env::consts::ARCH {
        "aarch64" => ("aarch64", "virt"),
        _ => ("x86_64", "q35"),
    };
    let mib = memory.mib;
    // In QEMU's options a comma ends a value unless it is doubled.
    let path = socket.replace(',', ",,");
    let (listen, hint) = match mode {
        Mode::Server => (
            "",
            "# To let the machine outlive a restart of the switch, add to -chardev: ,reconnect=1\n\
             # (from QEMU 9.2 on: ,reconnect-ms=1000).\n",
        ),
        Mode::Client => (",server=on,wait=off", ""),
    };
    let queues = attachment.of_pairs(|pairs| format!(",queues={pairs}"));
    let mq = attachment.of_pairs(|pairs| format!(",mq=on,vectors={}", 2 * pairs + 2));
    let smp = attachment.of_pairs(|pairs| format!(" -smp {pairs}"));
    let mtu = attachment.of_mtu(|mtu| format!(",host_mtu={mtu}"));
    let chardev = format!("socket,id=vmq0,path={path}{listen}");
    format!(
        "# {roles}. disk.qcow2 stands for your disk.\n\
         {hint}\
         qemu-system-{arch} \\\n  \
           -machine {machine} -accel kvm -accel tcg -m {mib}M{smp} \\\n  \
           -object memory-backend-memfd,id=mem0,size={mib}M,share=on \\\n  \
           -numa node,memdev=mem0 \\\n  \
           -chardev {chardev} \\\n  \
           -netdev vhost-user,id=net0,chardev=vmq0{queues} \\\n  \
           -device virtio-net-pci,netdev=net0,mac={mac}{mq}{mtu} \\\n  \
           -drive file=disk.qcow2,if=virtio\n",
        roles = attachment.roles("QEMU"),
        chardev = shell_word(&chardev),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, large};
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn qemu_connects_to_a_port_that_listens() {
        assert_eq!(
            render(&example(Mode::Server)),
            "\
# port p0: QEMU connects to /run/vmq/p0.sock. disk.qcow2 stands for your disk.
# To let the machine outlive a restart of the switch, add to -chardev: ,reconnect=1
# (from QEMU 9.2 on: ,reconnect-ms=1000).
qemu-system-x86_64 \\
  -machine q35 -accel kvm -accel tcg -m 512M \\
  -object memory-backend-memfd,id=mem0,size=512M,share=on \\
  -numa node,memdev=mem0 \\
  -chardev socket,id=vmq0,path=/run/vmq/p0.sock \\
  -netdev vhost-user,id=net0,chardev=vmq0 \\
  -device virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56 \\
  -drive file=disk.qcow2,if=virtio
"
        );
    }

    #[test]
    fn qemu_listens_for_a_port_that_connects() {
        let text = render(&example(Mode::Client));
        assert!(
            text.contains("-chardev socket,id=vmq0,path=/run/vmq/p0.sock,server=on,wait=off \\\n"),
            "{text}"
        );
    }

    #[test]
    fn qemu_is_told_of_queue_pairs_and_the_mtu() {
        let text = render(&large());
        for line in [
            "-m 512M -smp 2 \\",
            "-netdev vhost-user,id=net0,chardev=vmq0,queues=2 \\",
            "-device virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56,mq=on,vectors=6,host_mtu=9000 \\",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
    }

    #[test]
    fn odd_paths_are_quoted_for_qemu_and_for_the_shell() {
        let odd = Attachment {
            socket: "/tmp/a, b/p0.sock".to_owned(),
            ..example(Mode::Server)
        };
        assert!(render(&odd).contains("-chardev 'socket,id=vmq0,path=/tmp/a,, b/p0.sock' \\\n"));
    }
}
