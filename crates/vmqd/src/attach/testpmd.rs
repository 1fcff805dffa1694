//! DPDK's testpmd with a virtio-user port: a guest without a virtual machine, for trying and measuring.

use super::{Attachment, shell_word};
use crate::config::Mode;

pub(super) fn render(attachment: &Attachment) -> String {
    let Attachment {
        port,
        socket,
        mode,
        mac,
        memory,
        ..
    } = attachment;
    let listen = match mode {
        Mode::Server => "",
        Mode::Client => ",server=1",
    };
    let mib = memory.mib;
    let queues = attachment.of_pairs(|pairs| format!(",queues={pairs}"));
    let used = attachment.of_pairs(|pairs| format!(" --rxq={pairs} --txq={pairs}"));
    let vdev = format!("net_virtio_user0,path={socket},mac={mac}{queues}{listen}");
    let vdev = shell_word(&vdev);
    // --no-huge implies legacy memory, which --in-memory excludes: the two ways differ by more than the pages.
    format!(
        "# {roles}. Then, for example: start tx_first\n\
         # without hugepages, needs no root:\n\
         dpdk-testpmd -l 0,1 --no-pci --no-telemetry --file-prefix=vmq-{port} \\\n  \
           --no-huge -m {mib} \\\n  \
           --vdev {vdev} \\\n  \
           -- -i --total-num-mbufs=8192{used}\n\
         \n\
         # with hugepages:\n\
         dpdk-testpmd -l 0,1 --no-pci --no-telemetry \\\n  \
           --in-memory --single-file-segments -m {mib} \\\n  \
           --vdev {vdev} \\\n  \
           -- -i --total-num-mbufs=8192{used}\n",
        roles = attachment.roles("testpmd"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, large};
    use super::*;

    #[test]
    fn testpmd_connects_to_a_port_that_listens() {
        assert_eq!(
            render(&example(Mode::Server)),
            "\
# port p0: testpmd connects to /run/vmq/p0.sock. Then, for example: start tx_first
# without hugepages, needs no root:
dpdk-testpmd -l 0,1 --no-pci --no-telemetry --file-prefix=vmq-p0 \\
  --no-huge -m 512 \\
  --vdev net_virtio_user0,path=/run/vmq/p0.sock,mac=52:54:00:12:34:56 \\
  -- -i --total-num-mbufs=8192

# with hugepages:
dpdk-testpmd -l 0,1 --no-pci --no-telemetry \\
  --in-memory --single-file-segments -m 512 \\
  --vdev net_virtio_user0,path=/run/vmq/p0.sock,mac=52:54:00:12:34:56 \\
  -- -i --total-num-mbufs=8192
"
        );
    }

    #[test]
    fn testpmd_is_told_of_queue_pairs() {
        let text = render(&large());
        for part in [
            ",mac=52:54:00:12:34:56,queues=2 \\\n",
            "-- -i --total-num-mbufs=8192 --rxq=2 --txq=2\n",
        ] {
            assert_eq!(text.matches(part).count(), 2, "{part}: {text}");
        }
    }

    #[test]
    fn testpmd_listens_for_a_port_that_connects() {
        let text = render(&example(Mode::Client));
        assert_eq!(
            text.matches(",mac=52:54:00:12:34:56,server=1 \\\n").count(),
            2,
            "{text}"
        );
    }
}
