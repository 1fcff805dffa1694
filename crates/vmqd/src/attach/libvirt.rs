//! libvirt: shared memory for the domain and an interface of type `vhostuser`.

use super::Attachment;
use crate::config::Mode;

pub(super) fn render(attachment: &Attachment) -> String {
    let Attachment {
        socket,
        mode,
        mac,
        memory,
        ..
    } = attachment;
    let path = escaped(socket);
    let source = match mode {
        Mode::Server => format!(
            "  <source type='unix' path='{path}' mode='client'>\n    \
                 <reconnect enabled='yes' timeout='1'/>\n  \
               </source>\n"
        ),
        Mode::Client => format!("  <source type='unix' path='{path}' mode='server'/>\n"),
    };
    let queues = attachment.of_pairs(|pairs| format!("  <driver queues='{pairs}'/>\n"));
    let mtu = attachment.of_mtu(|mtu| format!("  <mtu size='{mtu}'/>\n"));
    format!(
        "<!-- {roles}. QEMU must run as the user who runs the switch (qemu:///session does). -->\n\
         \n\
         <!-- in <domain>, in place of the memory elements there -->\n\
         <memory unit='MiB'>{mib}</memory>\n\
         <memoryBacking>\n  \
           <source type='memfd'/>\n  \
           <access mode='shared'/>\n\
         </memoryBacking>\n\
         \n\
         <!-- in <devices> -->\n\
         <interface type='vhostuser'>\n  \
           <mac address='{mac}'/>\n\
         {source}  \
           <model type='virtio'/>\n\
         {queues}{mtu}</interface>\n",
        // Two hyphens would end an XML comment.
        roles = attachment.roles("QEMU").replace("--", "- -"),
        mib = memory.mib,
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, large};
    use super::*;

    #[test]
    fn libvirt_connects_to_a_port_that_listens() {
        assert_eq!(
            render(&example(Mode::Server)),
            "\
<!-- port p0: QEMU connects to /run/vmq/p0.sock. QEMU must run as the user who runs the switch (qemu:///session does). -->

<!-- in <domain>, in place of the memory elements there -->
<memory unit='MiB'>512</memory>
<memoryBacking>
  <source type='memfd'/>
  <access mode='shared'/>
</memoryBacking>

<!-- in <devices> -->
<interface type='vhostuser'>
  <mac address='52:54:00:12:34:56'/>
  <source type='unix' path='/run/vmq/p0.sock' mode='client'>
    <reconnect enabled='yes' timeout='1'/>
  </source>
  <model type='virtio'/>
</interface>
"
        );
    }

    #[test]
    fn libvirt_listens_for_a_port_that_connects() {
        let text = render(&example(Mode::Client));
        assert!(
            text.contains("  <source type='unix' path='/run/vmq/p0.sock' mode='server'/>\n"),
            "{text}"
        );
    }

    #[test]
    fn libvirt_is_told_of_queue_pairs_and_the_mtu() {
        let text = render(&large());
        let end = "  <model type='virtio'/>\n  <driver queues='2'/>\n  <mtu size='9000'/>\n</interface>\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn odd_paths_are_escaped() {
        let odd = Attachment {
            socket: "/tmp/<a>&'b'/--/p0.sock".to_owned(),
            ..example(Mode::Server)
        };
        let text = render(&odd);
        assert!(
            text.contains("path='/tmp/&lt;a>&amp;&apos;b&apos;/--/p0.sock'"),
            "{text}"
        );
        assert!(
            !text.lines().next().unwrap().trim_end_matches("-->")[4..].contains("--"),
            "{text}"
        );
    }
}
