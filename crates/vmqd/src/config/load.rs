//! What a switch is started with: a file, options in place of what it says, and what follows from both.

use std::fs;
use std::path::Path;

use super::document::{Document, Node, Place, Value};
use super::mistake::{Kind, Mistake, Mistakes, Path as ValuePath};
use super::rejected::Rejected;
use super::wanted::Config;
use crate::cli::RunArgs;
use crate::directory;

/// A configuration and what it was made of, to say where a mistake stands that shows only later.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) document: Document,
    /// The file's text as it was read, if there is a file.
    pub(crate) text: Option<String>,
}

/// Reads the file that `args` name, adds what `args` say and judges the whole.
pub(crate) fn load(args: &RunArgs) -> Result<Loaded, Rejected> {
    let text = match &args.config {
        Some(path) => {
            Some(fs::read_to_string(path).map_err(|error| Rejected::unreadable(path, &error))?)
        }
        None => None,
    };
    read(args, text)
}

/// As [`load`], of a file that has this text.
pub(crate) fn read(args: &RunArgs, text: Option<String>) -> Result<Loaded, Rejected> {
    let name = args.config.as_deref().unwrap_or(Path::new(""));
    let mut document = match &text {
        Some(text) => Document::of_toml(name, text.clone())?,
        None => Document::empty(),
    };
    let mut rejected = Rejected::default();
    if let Err(mistakes) = document.add_options(args) {
        document.object_all(&mistakes, &mut rejected);
    }
    let config: Option<Config> = document.read(&mut rejected);
    let is_whole = rejected.is_empty();
    if let Some(config) = &config {
        let mut mistakes = config.judge().err().unwrap_or_default();
        // What seems to be missing, or holds its default, may stand where something was wrong.
        mistakes.0.retain(|Mistake { path, kind, .. }| {
            is_whole || (*kind != Kind::Unknown && document.node(path).is_some())
        });
        document.object_all(&mistakes, &mut rejected);
    }
    match config {
        Some(config) if rejected.is_empty() => Ok(Loaded {
            config,
            document,
            text,
        }),
        _ => Err(rejected),
    }
}

impl Document {
    /// Puts what the command line says in place of what the file says. Errs if nothing says where the sockets are.
    fn add_options(&mut self, args: &RunArgs) -> Result<(), Mistakes> {
        let options = [
            ("switch", "cpus", "--cpus", &args.cpus),
            ("switch", "mtu", "--mtu", &args.mtu),
            ("switch", "when_full", "--when-full", &args.when_full),
            ("switch", "idle", "--idle", &args.idle),
            ("api", "listen", "--api", &args.api),
        ];
        for (table, key, option, text) in options {
            if let Some(text) = text {
                let place = Place::Word(option.to_owned());
                self.set(table, key, Node::new(place, Value::Word(text.clone())));
            }
        }
        self.settle_token(args)?;
        let place = Place::Word("--port".to_owned());
        for name in &args.ports {
            self.add_port(name, &place);
        }
        self.settle_dir(args)
    }

    /// A port that the file has already is that port.
    fn add_port(&mut self, name: &str, place: &Place) {
        let Some(ports) = self.list_mut("port", place) else {
            return;
        };
        let is_there = ports.iter().any(|port| port.text_of("name") == Some(name));
        if !is_there {
            ports.push(Node::of_words(place, [("name", name)]));
        }
    }

    /// Makes the directory absolute, or the default one: it is printed into command lines that are run from elsewhere.
    fn settle_dir(&mut self, args: &RunArgs) -> Result<(), Mistakes> {
        let path = ValuePath::default().key("switch").key("dir");
        let in_file = self.node(&path).map(|node| node.value.clone());
        let (given, place) = match (&args.dir, in_file) {
            (Some(dir), _) => (Some(dir.clone()), Place::Word("--dir".to_owned())),
            // A path in a file means the same wherever the program is started.
            (None, Some(Value::Text(dir))) if !dir.is_empty() => {
                (Some(beside(args).join(dir)), self.place(&path).clone())
            }
            // What is no path is refused when it is read.
            (None, Some(_)) => return Ok(()),
            (None, None) => (None, Place::Word("--dir".to_owned())),
        };
        let dir = directory::choose(given.as_deref())
            .map_err(|error| Mistake::new(path.clone(), Kind::Wrong, error.to_string(), ""))?;
        let node = Node::new(place, Value::Word(utf8(&dir, path)?));
        self.set("switch", "dir", node);
        Ok(())
    }

    /// Takes the token's file from the command line, or finds it beside the configuration.
    fn settle_token(&mut self, args: &RunArgs) -> Result<(), Mistakes> {
        let path = ValuePath::default().key("api").key("token_file");
        let (file, place) = match (&args.api_token, self.node(&path)) {
            (Some(file), _) => (file.clone(), Place::Word("--api-token".to_owned())),
            (None, Some(node)) => match &node.value {
                Value::Text(file) => (beside(args).join(file), node.place.clone()),
                _ => return Ok(()),
            },
            (None, None) => return Ok(()),
        };
        let text = utf8(&file, path)?;
        self.set("api", "token_file", Node::new(place, Value::Word(text)));
        Ok(())
    }

    /// A table's value in place of what is there. What should be a table and is none stays, to be refused.
    fn set(&mut self, table: &'static str, key: &str, node: Node) {
        let path = ValuePath::default().key(table);
        if self.node(&path).is_none_or(|node| node.table().is_some()) {
            let place = node.place.clone();
            self.root.entry_or_table(table, &place).insert(key, node);
        }
    }
}

/// The directory of the configuration file.
fn beside(args: &RunArgs) -> &Path {
    let dir = args.config.as_deref().and_then(Path::parent);
    dir.unwrap_or(Path::new(""))
}

/// A path as the value that it is in a configuration.
fn utf8(path: &Path, of: ValuePath) -> Result<String, Mistakes> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let problem = format!("{} is no text", path.display());
        Mistake::new(of, Kind::Wrong, problem, "use a path that is UTF-8").into()
    })
}
