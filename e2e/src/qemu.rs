//! A Linux guest in QEMU, driven through the agent on its second serial port (see `e2e/guest/init`).

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::patience::eventually;
use crate::process::Process;
use crate::scratch::Scratch;

/// A kernel that is emulated instruction by instruction on a busy machine boots in ten to forty seconds.
const BOOT_LIMIT: Duration = Duration::from_secs(150);
const END: &str = "\n--end ";

/// A running guest.
#[derive(Debug)]
pub struct Guest {
    process: Process,
    agent: UnixStream,
    name: String,
}

/// What a command in the guest came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Exit status of the shell.
    pub status: i32,
    /// Its output and errors.
    pub output: String,
}

/// What a guest's network device is plugged into.
#[derive(Clone, Copy, Debug)]
pub enum Plug<'a> {
    /// A vhost-user port that listens on this socket.
    Port(&'a Path),
    /// Such a port, with every offload of the guest's device switched off.
    Finished(&'a Path),
    /// Such a port with this many queue pairs, in a machine of as many CPUs. It starts with one pair in use.
    Pairs(&'a Path, usize),
    /// Such a port with one queue pair, whose rings are packed.
    Packed(&'a Path),
    /// Another guest, with nothing between them: one listens on the socket, the other connects. QEMU emulates the device,
    /// so there are no offloads and each frame is as a wire would carry it.
    Wire {
        /// Path of the socket.
        socket: &'a Path,
        /// Whether this end listens.
        listens: bool,
        /// Where this end's frames, both ways, are recorded as a pcap file.
        record: Option<&'a Path>,
    },
}

impl Plug<'_> {
    fn pairs(&self) -> usize {
        match self {
            Self::Pairs(_, pairs) => *pairs,
            _ => 1,
        }
    }

    /// What the device is told beside its address.
    fn properties(&self) -> &'static str {
        match self {
            Self::Finished(_) => {
                ",csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,guest_csum=off,guest_tso4=off,\
                 guest_tso6=off,guest_ecn=off"
            }
            Self::Packed(_) => ",packed=on",
            _ => "",
        }
    }

    fn arguments(&self) -> String {
        match self {
            Self::Port(socket)
            | Self::Finished(socket)
            | Self::Pairs(socket, _)
            | Self::Packed(socket) => format!(
                "-chardev socket,id=port,path={} -netdev vhost-user,id=net,chardev=port,queues={}",
                socket.display(),
                self.pairs()
            ),
            Self::Wire {
                socket,
                listens,
                record,
            } => {
                let server = if *listens { "on" } else { "off" };
                let socket = socket.display();
                let record = record.map_or_else(String::new, |file| {
                    format!(
                        " -object filter-dump,id=record,netdev=net,file={}",
                        file.display()
                    )
                });
                format!(
                    "-netdev stream,id=net,server={server},addr.type=unix,addr.path={socket}{record}"
                )
            }
        }
    }
}

impl Guest {
    /// Starts QEMU with one virtio-net device. It boots meanwhile; [`Guest::wait_ready`] waits for it.
    ///
    /// # Panics
    ///
    /// If the image is missing or QEMU does not start.
    pub fn boot(scratch: &Scratch, name: &str, plug: Plug<'_>, mac: &str) -> Self {
        let image = image();
        let pairs = plug.pairs();
        let agent = scratch.file(&format!("{name}.agent"));
        let console = scratch.file(&format!("{name}-console.log"));
        let _ = std::fs::remove_file(&agent);
        // Emulation, not KVM: the same result on every machine, nested or not. vectors=0: QEMU 7.2 without KVM crashes
        // when a vhost-user device is given MSI-X vectors.
        let arguments = [
            format!(
                "-machine q35 -accel tcg -cpu max -smp {pairs} -m 192 -nodefaults -no-user-config -display none"
            ),
            "-object memory-backend-memfd,id=ram,size=192M,share=on -numa node,memdev=ram"
                .to_owned(),
            plug.arguments(),
            format!(
                "-device virtio-net-pci,netdev=net,mac={mac},romfile=,vectors=0,mq={}{}",
                if pairs > 1 { "on" } else { "off" },
                plug.properties()
            ),
            format!("-serial file:{}", console.display()),
            format!(
                "-chardev socket,id=agent,path={},server=on,wait=off -serial chardev:agent",
                agent.display()
            ),
            format!(
                "-kernel {} -initrd {}",
                image.join("vmlinuz").display(),
                image.join("initramfs.gz").display()
            ),
        ];
        let mut arguments: Vec<String> = arguments
            .iter()
            .flat_map(|line| line.split(' '))
            .map(str::to_owned)
            .collect();
        arguments.extend([
            "-append".into(),
            "console=ttyS0 quiet mitigations=off".into(),
        ]);
        let mut process = Process::spawn(
            scratch,
            name,
            "qemu-system-x86_64",
            &arguments,
            Stdio::null(),
        );
        let agent = eventually(
            "QEMU opens the agent's socket",
            Duration::from_secs(30),
            || {
                process.assert_alive();
                UnixStream::connect(&agent).ok()
            },
        );
        agent
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("a socket takes a time-out");
        Self {
            process,
            agent,
            name: name.to_owned(),
        }
    }

    /// Waits until the guest's agent answers.
    pub fn wait_ready(&mut self) {
        self.read_until("--ready--\n", BOOT_LIMIT);
    }

    /// Gives its interface an address in 10.9.0.0/24 and fd09::/64 and switches it on.
    pub fn configure(&mut self, host: u8) {
        self.expect("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad");
        self.expect("ip link set eth0 up");
        self.expect(&format!("ip addr add 10.9.0.{host}/24 dev eth0"));
        self.expect(&format!("ip addr add fd09::{host}/64 dev eth0"));
    }

    /// Starts a command and leaves it to itself; [`Guest::answer`] collects it.
    ///
    /// # Panics
    ///
    /// If the agent is gone.
    pub fn ask(&mut self, command: &str) {
        assert!(!command.contains('\n'), "one line is one command");
        writeln!(self.agent, "{command}").unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// The answer to the command last asked.
    pub fn answer(&mut self, limit: Duration) -> Answer {
        let output = self.read_until(END, limit);
        let status = self.read_until("--\n", Duration::from_secs(10));
        let status = status
            .parse()
            .unwrap_or_else(|_| panic!("{}: no status in {status:?}", self.name));
        Answer { status, output }
    }

    /// Runs a command to its end.
    pub fn run(&mut self, command: &str, limit: Duration) -> Answer {
        self.ask(command);
        self.answer(limit)
    }

    /// Runs a quick command that has to succeed; its output.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn expect(&mut self, command: &str) -> String {
        let answer = self.run(command, Duration::from_secs(30));
        assert_eq!(
            answer.status, 0,
            "{}: `{command}` failed: {}",
            self.name, answer.output
        );
        answer.output
    }

    /// A warm restart: the driver stops its device, QEMU stays, the guest boots anew.
    pub fn reboot(&mut self) {
        self.ask("reboot -f");
        self.wait_ready();
    }

    /// Power cut: SIGKILL to QEMU.
    pub fn cut_power(&mut self) {
        self.process.kill();
    }

    /// What is read before `mark`; byte by byte, so that nothing behind the mark is lost.
    fn read_until(&mut self, mark: &str, limit: Duration) -> String {
        let end = Instant::now() + limit;
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(mark.as_bytes()) {
            match self.agent.read(&mut byte) {
                Ok(0) => panic!(
                    "{}: the agent's line is closed; read {:?}",
                    self.name,
                    String::from_utf8_lossy(&text)
                ),
                Ok(_) => text.push(byte[0]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    self.process.assert_alive();
                }
                Err(error) => panic!("{}: {error}", self.name),
            }
            assert!(
                Instant::now() < end,
                "{}: not within {limit:?}: {mark:?}; read {:?}",
                self.name,
                String::from_utf8_lossy(&text)
            );
        }
        text.truncate(text.len() - mark.len());
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Folder of the guest's kernel and initramfs, built now if they are not current.
fn image() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here
        .parent()
        .expect("e2e lies in the workspace")
        .join("target/guest");
    let built = Command::new(here.join("guest/build.sh"))
        .arg(&folder)
        .stdin(Stdio::null())
        .output();
    match built {
        Ok(output) if output.status.success() => folder,
        Ok(output) => panic!("guest image: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("guest image: {error}"),
    }
}
