//! What a switch is to be: the values of file and command line, judged together.

use std::path::{Path, PathBuf};

use switch::{Idle, MAX_PORTS, WhenFull};
use toml::Spanned;
use vmq::Filter;

use super::api::ApiPlan;
use super::judge::{Judge, Place};
use super::rejected::{Rejected, Source};
use super::schema::{self, Cpus};
use crate::cli::RunArgs;
use crate::cpus::{CpuError, CpuList};
use crate::directory;

/// Stem of the control socket, and therefore no name for a port.
pub(crate) const CONTROL_SOCKET: &str = "vmq";

/// A switch as it is to be started.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the sockets are. Absolute.
    pub(crate) dir: PathBuf,
    /// One worker on each of these; nobody cares where if `None`.
    pub(crate) cpus: Option<CpuList>,
    pub(crate) idle: Idle,
    /// The API on TCP, if it is wanted.
    pub(crate) api: Option<ApiPlan>,
    pub(crate) ports: Vec<PortPlan>,
}

impl Plan {
    /// Path of the control socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        socket_in(&self.dir, CONTROL_SOCKET)
    }
}

/// One port.
#[derive(Debug)]
pub(crate) struct PortPlan {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    /// Absolute.
    pub(crate) socket: PathBuf,
    /// Frames to these belong to the port, from the start and without learning.
    pub(crate) filters: Vec<Filter>,
    pub(crate) mtu: Option<u16>,
    pub(crate) when_full: WhenFull,
}

/// What holds for a port that does not say otherwise.
pub(super) struct Usual {
    pub(super) mtu: Option<u16>,
    pub(super) when_full: WhenFull,
}

/// Which side of a port's socket listens.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The switch listens, the VMM connects.
    Server,
    /// The VMM listens, the switch connects.
    Client,
}

/// Path of the socket that is called `stem` in `dir`.
pub(crate) fn socket_in(dir: &Path, stem: &str) -> PathBuf {
    dir.join(format!("{stem}.sock"))
}

/// Why `name` can be no port's name, and what to do.
pub(crate) fn check_port_name(name: &str) -> Result<(), (&'static str, &'static str)> {
    const RULE: &str = "use 1 to 32 of the characters A-Z a-z 0-9 _ . -";
    match name {
        "" => Err(("the name is empty", RULE)),
        CONTROL_SOCKET => Err((
            "`vmq` is the name of the control socket",
            "choose another name",
        )),
        _ if name.len() > 32 => Err(("the name is longer than 32 characters", RULE)),
        _ if name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) =>
        {
            Ok(())
        }
        _ => Err(("the name has a character that is not allowed", RULE)),
    }
}

/// Judges everything and names every mistake, not only the first.
pub(super) fn make(
    args: &RunArgs,
    source: Option<&Source>,
    file: schema::File,
) -> Result<Plan, Rejected> {
    let mut judge = Judge::new(source);
    let dir = judge.dir(args, file.switch.dir);
    let cpus = judge.cpus(args, file.switch.cpus);
    let idle = judge.idle(args, file.switch.idle);
    let api = judge.api(args, file.api);
    let usual = judge.usual(args, file.switch.mtu, file.switch.when_full);
    let count = file.port.len() + args.ports.len();
    let mut ports = Vec::with_capacity(count.min(MAX_PORTS));
    for port in file.port.into_iter().take(MAX_PORTS) {
        ports.extend(judge.port_of_file(&dir, &usual, port));
    }
    for name in args.ports.iter().take(MAX_PORTS) {
        ports.extend(judge.port_of_option(&dir, &usual, name));
    }
    match count {
        0 => judge.object(
            &Place::Option("--port"),
            "port",
            "the switch has no ports",
            "name at least one, or add a [[port]] to the file of --config",
        ),
        1..=MAX_PORTS => {}
        _ => judge.object(
            &Place::Option("--port"),
            "port",
            format!("{count} ports are too many"),
            format!("a switch has at most {MAX_PORTS}, run several"),
        ),
    }
    judge.verdict(Plan {
        dir,
        cpus,
        idle,
        api,
        ports,
    })
}

impl Judge<'_> {
    fn dir(&mut self, args: &RunArgs, in_file: Option<Spanned<String>>) -> PathBuf {
        let (given, place) = match (&args.dir, in_file) {
            (Some(dir), _) => (Some(dir.clone()), Place::Option("--dir")),
            (None, Some(dir)) => {
                let place = Place::File(dir.span());
                if dir.get_ref().is_empty() {
                    self.object(
                        &place,
                        "switch.dir",
                        "the path is empty",
                        "name a directory, or leave the key out",
                    );
                }
                // A path in a file means the same wherever the program is started.
                let beside = args
                    .config
                    .as_deref()
                    .and_then(Path::parent)
                    .unwrap_or(Path::new(""));
                (Some(beside.join(dir.into_inner())), place)
            }
            (None, None) => (None, Place::Option("--dir")),
        };
        let dir = directory::choose(given.as_deref()).unwrap_or_else(|error| {
            self.object(&place, "switch.dir", error.to_string(), "");
            PathBuf::new()
        });
        let control = socket_in(&dir, CONTROL_SOCKET);
        self.check_length(&control, &place, "switch.dir", "use a shorter directory");
        self.sockets.insert(control, place);
        dir
    }

    fn cpus(&mut self, args: &RunArgs, in_file: Option<Spanned<Cpus>>) -> Option<CpuList> {
        let (list, place) = match (&args.cpus, in_file) {
            (Some(text), _) => (CpuList::parse(text), Place::Option("--cpus")),
            (None, Some(cpus)) => {
                let place = Place::File(cpus.span());
                let list = match cpus.into_inner() {
                    Cpus::Text(text) => CpuList::parse(&text),
                    Cpus::Numbers(numbers) if numbers.is_empty() => Err(CpuError::Empty),
                    Cpus::Numbers(numbers) => CpuList(numbers).without_repeats(),
                };
                (list, place)
            }
            (None, None) => return None,
        };
        match list.and_then(|list| list.check_usable().map(|()| list)) {
            Ok(list) => Some(list),
            Err(error) => {
                let remedy = match error {
                    CpuError::Missing { .. } | CpuError::Forbidden { .. } => {
                        "name others, or leave it out for one worker anywhere"
                    }
                    CpuError::Twice(_) => "a worker needs a CPU of its own",
                    _ => "write it like 0,2-3",
                };
                self.object(&place, "switch.cpus", error.to_string(), remedy);
                None
            }
        }
    }

    fn idle(&mut self, args: &RunArgs, in_file: Option<Spanned<String>>) -> Idle {
        const KNOWN: [(&str, &str, Idle); 2] = [
            ("adapt", "a quiet worker sleeps", Idle::Adapt),
            ("spin", "it keeps its core", Idle::Spin),
        ];
        given(args.idle.as_ref(), "--idle", in_file)
            .and_then(|(text, place)| self.choice(&place, "switch.idle", &text, &KNOWN))
            .unwrap_or_default()
    }

    fn usual(
        &mut self,
        args: &RunArgs,
        mtu: Option<Spanned<i64>>,
        when_full: Option<Spanned<String>>,
    ) -> Usual {
        let mtu = given(args.mtu.as_ref(), "--mtu", mtu)
            .and_then(|(mtu, place)| self.mtu(&place, "switch.mtu", mtu));
        let when_full = given(args.when_full.as_ref(), "--when-full", when_full)
            .and_then(|(text, place)| self.when_full(&place, "switch.when_full", &text))
            .unwrap_or_default();
        Usual { mtu, when_full }
    }
}

/// The value of an option, else of the key that it stands in place of, and where it was given.
fn given<T: Clone>(
    of_option: Option<&T>,
    option: &'static str,
    in_file: Option<Spanned<T>>,
) -> Option<(T, Place)> {
    match (of_option, in_file) {
        (Some(value), _) => Some((value.clone(), Place::Option(option))),
        (None, Some(value)) => {
            let place = Place::File(value.span());
            Some((value.into_inner(), place))
        }
        (None, None) => None,
    }
}
