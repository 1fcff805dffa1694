//! The client against the server, over a socket.

use std::ops::ControlFlow;
use std::os::unix::net::UnixListener;
use std::path::Path;

use switch::DropReason;
use tokio::sync::oneshot;

use super::*;
use crate::config::{CONTROL_SOCKET, NetworkConfig, Station, Vlan, socket_in};
use crate::control::problem::Problem;
use crate::control::{self, Client, ClientError, NewFilter, Question, Told};

/// A switch that is served, and a client of it.
struct Served {
    client: Client,
    _end: oneshot::Sender<()>,
    _scene: Scene,
}

impl Served {
    fn start() -> Self {
        let scene = Scene::set();
        let dir = scene.dir.path();
        let listener = UnixListener::bind(socket_in(dir, CONTROL_SOCKET)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let serving = control::serve(listener, None, Arc::clone(&scene.live));
        let (client, (end, ended)) = (Client::open(dir).unwrap(), oneshot::channel::<()>());
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = serving => panic!("the server ended: {ended:?}"),
                    _ = ended => {}
                }
            });
        });
        Self {
            client,
            _end: end,
            _scene: scene,
        }
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer {
        Err(ClientError::Refused(problem)) => *problem,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn the_client_makes_reads_changes_and_removes() {
    let Served { client, .. } = &Served::start();
    let lab = NetworkConfig {
        name: "lab".to_owned(),
        policy: Default::default(),
    };
    assert_eq!(client.add(&lab).unwrap(), lab);
    let web = PortConfig {
        network: "lab".to_owned(),
        ..PortConfig::named("web")
    };
    assert_eq!(client.add(&web).unwrap(), web);
    let ports: Vec<PortConfig> = client.list().unwrap();
    assert_eq!(ports.last(), Some(&web));

    let (read, known) = client.read::<PortConfig>("web").unwrap();
    assert_eq!(read, web);
    let jumbo = PortConfig {
        mtu: Some(9000),
        ..read
    };
    assert_eq!(client.put(&jumbo, &known).unwrap(), jumbo);
    let late = refusal(client.put(&web, &known));
    assert_eq!(late.status, 412);
    let status = client.status().unwrap();
    assert_eq!(status.port("web").unwrap().mtu, Some(9000));
    let in_use = refusal(client.remove::<NetworkConfig>("lab"));
    assert_eq!(
        (in_use.status, in_use.to_string().as_str()),
        (
            409,
            "network `lab` has ports: web: remove them first, or put them into another network"
        )
    );
    client.remove::<PortConfig>("web").unwrap();
    client.remove::<NetworkConfig>("lab").unwrap();
    for name in ["web", "a b", "..", "?", "w/b"] {
        let gone = refusal(client.read::<PortConfig>(name));
        assert_eq!(gone.status, 404, "{name}");
        assert!(gone.detail.contains(name), "{gone}");
    }
}

#[test]
fn the_client_sets_filters_and_reads_events() {
    let Served { client, .. } = &Served::start();
    let wanted = NewFilter {
        port: "p1".to_owned(),
        mac: Station("52:54:00:00:00:0a".parse().unwrap()),
        vlan: Vlan::ANY,
    };
    let made = client.set_filter(&wanted).unwrap();
    assert!(client.filters().unwrap().contains(&made));
    client.clear_filter(&made.id).unwrap();
    assert!(!client.filters().unwrap().contains(&made));
    let question = Question {
        port: "p1".to_owned(),
        frame: "from=52:54:00:00:00:0a to=52:54:00:00:00:10".to_owned(),
    };
    let explanation = client.explain(&question).unwrap();
    // Nobody is there.
    assert_eq!(explanation.port, "p1");
    assert_eq!(explanation.dropped, Some(DropReason::NoReceiver));
    let nobody = Question {
        port: "p9".to_owned(),
        ..question.clone()
    };
    assert_eq!(refusal(client.explain(&nobody)).status, 409);
    let senseless = Question {
        frame: "to=me".to_owned(),
        ..question
    };
    let refused = refusal(client.explain(&senseless));
    assert_eq!(refused.errors[0].pointer.as_deref(), Some("#/frame"));

    let list = client.events(0).unwrap();
    assert_eq!((list.missed, list.events[0].number), (0, 1));
    let mut followed = Vec::new();
    let enough = list.events.len();
    client
        .follow(Some(0), |told| {
            followed.push(told);
            match followed.len() == enough {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
        .unwrap();
    let listed: Vec<_> = list.events.into_iter().map(Told::Event).collect();
    assert_eq!(followed, listed);
}

#[test]
fn the_client_passes_on_what_is_wrong_with_a_remedy() {
    let Served { client, .. } = &Served::start();
    let wrong = PortConfig {
        mtu: Some(12),
        ..PortConfig::named("web")
    };
    let problem = refusal(client.add(&wrong));
    assert_eq!(
        problem.to_string(),
        "mtu: there is no MTU of 12 bytes: use 68 to 65535, or leave it out for frames of any size"
    );
    assert!(refusal(client.reload()).detail.contains("--config FILE"));
    assert!(refusal(client.save()).detail.contains("--config FILE"));
    let nobody = Client::open(Path::new("/nonexistent")).unwrap();
    assert!(matches!(nobody.status(), Err(ClientError::NotRunning(_))));
}
