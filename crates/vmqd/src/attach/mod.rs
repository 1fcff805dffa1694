//! `vmq attach`: the command line that plugs a virtual machine into a port, complete, for each VMM.
//!
//! What a VMM needs is always the same: memory that it shares (the switch maps it), the port's socket,
//! which side of it listens, and a MAC address. How it is said differs, a file for each.

mod cloud_hypervisor;
mod crosvm;
mod libvirt;
mod qemu;
mod testpmd;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use vmq::Mac;

use crate::cli::{AttachArgs, Vmm};
use crate::config::{Mode, check_name, socket_in};
use crate::control::{Client, ClientError};
use crate::failure::Failure;
use crate::{directory, mac};

/// Why there is no command line to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AttachError {
    #[error("`{name}` is no name of a port: {problem}: {remedy}")]
    Name {
        name: String,
        problem: &'static str,
        remedy: &'static str,
    },
    #[error("the switch on {} has no port `{name}`: it has {known}", dir.display())]
    UnknownPort {
        name: String,
        dir: PathBuf,
        known: String,
    },
    #[error("{vmm} cannot be told a socket's path with a comma in it: {path}")]
    Comma { vmm: &'static str, path: String },
    #[error("the socket's path is no text: {}", .0.display())]
    NotText(PathBuf),
    #[error(
        "crosvm only connects, and port `{0}` has mode = \"client\": give it mode = \"server\""
    )]
    CrosvmConnects(String),
}

/// Everything a VMM has to be told.
#[derive(Debug)]
struct Attachment {
    port: String,
    socket: String,
    mode: Mode,
    mac: Mac,
    memory: Memory,
    /// Queue pairs.
    queues: u8,
    /// What the port is configured to carry, to be told to the guest.
    mtu: Option<u16>,
}

/// A virtual machine's memory, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    mib: u32,
}

/// Prints the command line.
pub(crate) fn run(args: &AttachArgs) -> Result<(), Failure> {
    let text = render(args.vmm, &attachment(args)?)?;
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

fn attachment(args: &AttachArgs) -> Result<Attachment, Failure> {
    let dir = directory::choose(args.dir.as_deref())?;
    check_name(&args.port).map_err(|(problem, remedy)| AttachError::Name {
        name: args.port.clone(),
        problem,
        remedy,
    })?;
    let (socket, mode, own_mac, mtu) = match Client::open(&dir).and_then(|client| client.status()) {
        Ok(status) => {
            let Some(port) = status.port(&args.port) else {
                let known: Vec<_> = status.ports.iter().map(|port| port.name.as_str()).collect();
                let known = known.join(", ");
                return Err(AttachError::UnknownPort {
                    name: args.port.clone(),
                    dir,
                    known,
                }
                .into());
            };
            (
                port.socket.clone(),
                port.mode,
                port.configured_mac(),
                port.mtu,
            )
        }
        Err(ClientError::NotRunning(_)) => {
            say_not_running(&dir, &args.port);
            (socket_in(&dir, &args.port), Mode::Server, None, None)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Attachment {
        port: args.port.clone(),
        socket: socket
            .into_os_string()
            .into_string()
            .map_err(|path| AttachError::NotText(path.into()))?,
        mode,
        mac: args
            .mac
            .or(own_mac)
            .unwrap_or_else(|| mac::suggested(&args.port)),
        memory: args.memory,
        queues: args.queues,
        mtu,
    })
}

fn say_not_running(dir: &Path, port: &str) {
    let option = directory::option(dir);
    let _ = writeln!(
        anstream::stderr(),
        "note: no switch runs on {}. This is for a port as `vmq run --port {port}{option}` makes it.",
        dir.display()
    );
}

fn render(vmm: Vmm, attachment: &Attachment) -> Result<String, AttachError> {
    let without_comma = |name| match attachment.socket.contains(',') {
        true => Err(AttachError::Comma {
            vmm: name,
            path: attachment.socket.clone(),
        }),
        false => Ok(()),
    };
    Ok(match vmm {
        Vmm::Qemu => qemu::render(attachment),
        Vmm::Libvirt => libvirt::render(attachment),
        Vmm::CloudHypervisor => {
            without_comma("cloud-hypervisor")?;
            cloud_hypervisor::render(attachment)
        }
        Vmm::Crosvm if attachment.mode == Mode::Client => {
            return Err(AttachError::CrosvmConnects(attachment.port.clone()));
        }
        Vmm::Crosvm => {
            without_comma("crosvm")?;
            crosvm::render(attachment)
        }
        Vmm::Testpmd => {
            without_comma("dpdk-testpmd")?;
            testpmd::render(attachment)
        }
    })
}

impl Attachment {
    /// What is said of several queue pairs; nothing of one, which is what every VMM takes unasked.
    fn of_pairs(&self, say: impl FnOnce(u8) -> String) -> String {
        match self.queues {
            1 => String::new(),
            pairs => say(pairs),
        }
    }

    /// What is said of the port's MTU, if it has one.
    fn of_mtu(&self, say: impl FnOnce(u16) -> String) -> String {
        self.mtu.map_or_else(String::new, say)
    }

    /// Who does what at the socket, as a comment.
    fn roles(&self, vmm: &str) -> String {
        let Self {
            port, socket, mode, ..
        } = self;
        match mode {
            Mode::Server => format!("port {port}: {vmm} connects to {socket}"),
            Mode::Client => format!("port {port}: {vmm} listens on {socket}, the switch connects"),
        }
    }
}

impl FromStr for Memory {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write it like 512M or 4G";
        let (number, unit) = match text.as_bytes() {
            [number @ .., b'M' | b'm'] => (number, 1),
            [number @ .., b'G' | b'g'] => (number, 1024),
            _ => return Err(FORM),
        };
        let number = str::from_utf8(number).map_err(|_| FORM)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = number.parse().ok().filter(|_| digits).ok_or(FORM)?;
        match number.checked_mul(unit) {
            Some(mib) if mib >= 16 => Ok(Self { mib }),
            Some(_) => Err("a virtual machine needs at least 16M"),
            None => Err("that is more than any machine has"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_in_mebibytes_or_gibibytes() {
        assert_eq!("512M".parse(), Ok(Memory { mib: 512 }));
        assert_eq!("4g".parse(), Ok(Memory { mib: 4096 }));
        for text in [
            "",
            "M",
            "4",
            "4GB",
            "+4G",
            "-1G",
            "1.5G",
            "0M",
            "15M",
            "99999999G",
        ] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_quoted_only_where_the_shell_needs_it() {
        assert_eq!(shell_word("/run/vmq/p0.sock"), "/run/vmq/p0.sock");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    pub(super) fn example(mode: Mode) -> Attachment {
        Attachment {
            port: "p0".to_owned(),
            socket: "/run/vmq/p0.sock".to_owned(),
            mode,
            mac: mac::station("52:54:00:12:34:56").unwrap(),
            memory: "512M".parse().unwrap(),
            queues: 1,
            mtu: None,
        }
    }

    /// A port of two queue pairs and jumbo frames.
    pub(super) fn large() -> Attachment {
        Attachment {
            queues: 2,
            mtu: Some(9000),
            ..example(Mode::Server)
        }
    }

    #[test]
    fn what_a_vmm_cannot_be_told_is_refused() {
        let odd = Attachment {
            socket: "/tmp/a,b/p0.sock".to_owned(),
            ..example(Mode::Server)
        };
        for vmm in [Vmm::CloudHypervisor, Vmm::Crosvm, Vmm::Testpmd] {
            assert!(
                matches!(render(vmm, &odd), Err(AttachError::Comma { .. })),
                "{vmm:?}"
            );
        }
        assert!(render(Vmm::Qemu, &odd).is_ok() && render(Vmm::Libvirt, &odd).is_ok());
        assert!(matches!(
            render(Vmm::Crosvm, &example(Mode::Client)),
            Err(AttachError::CrosvmConnects(_))
        ));
    }
}
