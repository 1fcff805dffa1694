//! crosvm: it shares its memory always and connects always; the guest chooses its MAC address, for
//! crosvm's vhost-user frontend takes none.

use super::{Attachment, shell_word};

pub(super) fn render(attachment: &Attachment) -> String {
    let Attachment {
        socket,
        mac,
        memory,
        ..
    } = attachment;
    let device = format!("net,socket={socket}");
    format!(
        "# {roles}. vmlinux and disk.img stand for your kernel and disk.\n\
         # crosvm hands the guest no MAC address. To have a stable one, run in the guest:\n\
         #   ip link set eth0 address {mac}\n\
         crosvm run \\\n  \
           --cpus 1 --mem {mib} \\\n  \
           --vhost-user {device} \\\n  \
           --block disk.img \\\n  \
           -p 'root=/dev/vda' \\\n  \
           vmlinux\n",
        roles = attachment.roles("crosvm"),
        mib = memory.mib,
        device = shell_word(&device),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;
    use crate::config::Mode;

    #[test]
    fn crosvm_connects_to_a_port_that_listens() {
        assert_eq!(
            render(&example(Mode::Server)),
            "\
# port p0: crosvm connects to /run/vmq/p0.sock. vmlinux and disk.img stand for your kernel and disk.
# crosvm hands the guest no MAC address. To have a stable one, run in the guest:
#   ip link set eth0 address 52:54:00:12:34:56
crosvm run \\
  --cpus 1 --mem 512 \\
  --vhost-user net,socket=/run/vmq/p0.sock \\
  --block disk.img \\
  -p 'root=/dev/vda' \\
  vmlinux
"
        );
    }
}
