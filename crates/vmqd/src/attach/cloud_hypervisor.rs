//! Cloud Hypervisor: one `--net` for a vhost-user device, and memory that is shared.

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
    let listen = match mode {
        Mode::Server => "",
        Mode::Client => ",vhost_mode=server",
    };
    // It counts queues, not pairs, and wants a CPU for each pair.
    let queues = attachment.of_pairs(|pairs| format!(",num_queues={}", 2 * pairs));
    let mtu = attachment.of_mtu(|mtu| format!(",mtu={mtu}"));
    let net = format!("vhost_user=true,socket={socket},mac={mac}{queues}{mtu}{listen}");
    format!(
        "# {roles}. vmlinux and disk.raw stand for your kernel and disk.\n\
         cloud-hypervisor \\\n  \
           --cpus boot={cpus} \\\n  \
           --memory size={mib}M,shared=on \\\n  \
           --net {net} \\\n  \
           --kernel vmlinux --cmdline 'console=hvc0 root=/dev/vda1' \\\n  \
           --disk path=disk.raw\n",
        roles = attachment.roles("Cloud Hypervisor"),
        cpus = attachment.queues,
        mib = memory.mib,
        net = shell_word(&net),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, large};
    use super::*;

    #[test]
    fn cloud_hypervisor_connects_to_a_port_that_listens() {
        assert_eq!(
            render(&example(Mode::Server)),
            "\
# port p0: Cloud Hypervisor connects to /run/vmq/p0.sock. vmlinux and disk.raw stand for your kernel and disk.
cloud-hypervisor \\
  --cpus boot=1 \\
  --memory size=512M,shared=on \\
  --net vhost_user=true,socket=/run/vmq/p0.sock,mac=52:54:00:12:34:56 \\
  --kernel vmlinux --cmdline 'console=hvc0 root=/dev/vda1' \\
  --disk path=disk.raw
"
        );
    }

    #[test]
    fn cloud_hypervisor_is_told_of_queue_pairs_and_the_mtu() {
        let text = render(&large());
        assert!(
            text.contains("mac=52:54:00:12:34:56,num_queues=4,mtu=9000 \\\n")
                && text.contains("--cpus boot=2 \\\n"),
            "{text}"
        );
    }

    #[test]
    fn cloud_hypervisor_listens_for_a_port_that_connects() {
        let text = render(&example(Mode::Client));
        assert!(
            text.contains("mac=52:54:00:12:34:56,vhost_mode=server \\\n"),
            "{text}"
        );
    }
}
