//! Events as a list and as a stream.

use std::time::Duration;

use switch::policy::NetworkPolicy;
use switch::{NetworkId, NetworkSpec};

use super::*;

/// A stream as a client reads it.
struct Stream<'a> {
    scene: &'a Scene,
    body: Body,
    text: String,
}

impl<'a> Stream<'a> {
    fn open(scene: &'a Scene, query: &str, last: Option<&str>) -> Self {
        let uri = format!("/v1/events{query}");
        let mut request = Request::builder()
            .uri(uri)
            .header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = scene.start(request.body(Body::empty()).unwrap());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        Self {
            scene,
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The lines of the next event.
    fn next(&mut self) -> Vec<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let lines = event.lines().map(str::to_owned).collect();
                self.text = rest.to_owned();
                return lines;
            }
            let frame = self.scene.runtime.block_on(async {
                let frame = self.body.frame();
                tokio::time::timeout(Duration::from_secs(10), frame).await
            });
            let frame = frame.expect("an event comes");
            let data = frame.unwrap().unwrap().into_data().unwrap();
            self.text += std::str::from_utf8(&data).unwrap();
        }
    }

    /// The next event, which is no loss.
    fn event(&mut self) -> (String, Value) {
        let lines = self.next();
        let field = |name: &str| {
            let value = lines.iter().find_map(|line| line.strip_prefix(name));
            value
                .unwrap_or_else(|| panic!("{name} in {lines:?}"))
                .to_owned()
        };
        (
            field("id: "),
            serde_json::from_str(&field("data: ")).unwrap(),
        )
    }
}

fn add_network(scene: &Scene, name: &str) {
    let spec = NetworkSpec {
        name: name.to_owned(),
        ..NetworkSpec::default()
    };
    scene.live.switch().add_network(spec).unwrap();
}

fn kinds(list: &Value) -> Vec<&str> {
    let events = list["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn what_has_happened_is_a_list_that_can_be_gone_on_with() {
    let scene = Scene::set();
    let list = scene.read("/v1/events");
    let added = kinds(&list)
        .iter()
        .filter(|kind| **kind == "port_added")
        .count();
    assert_eq!((added, &list["missed"]), (2, &json!(0)), "{list}");
    assert_eq!(list["events"][0]["number"], 1);
    let time = list["events"][0]["time"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");

    let last = list["last"].as_u64().unwrap();
    assert_eq!(last, list["events"].as_array().unwrap().len() as u64);
    add_network(&scene, "lab");
    let path = format!("/v1/events?after={last}");
    let list = scene.read(&path);
    assert_eq!(kinds(&list), ["network_added"]);
    assert_eq!(
        (&list["events"][0]["network"], &list["last"]),
        (&json!("lab"), &json!(last + 1))
    );
    let path = format!("/v1/events?after={}", last + 1);
    let list = scene.read(&path);
    assert_eq!(
        (kinds(&list), &list["last"]),
        (Vec::new(), &json!(last + 1))
    );
}

#[test]
fn a_stream_tells_what_happens_and_resumes_where_it_ended() {
    let scene = Scene::set();
    let mut stream = Stream::open(&scene, "", None);
    add_network(&scene, "one");
    let (id, event) = stream.event();
    assert_eq!(
        (&event["kind"], &event["network"]),
        (&json!("network_added"), &json!("one"))
    );
    assert_eq!(id, event["number"].to_string());
    drop(stream);
    add_network(&scene, "two");
    // The query is that of the first request, and the header counts.
    let mut stream = Stream::open(&scene, "?after=0", Some(&id));
    assert_eq!(stream.event().1["network"], "two");
    let mut stream = Stream::open(&scene, "?after=0", None);
    assert_eq!(stream.event().1["number"], 1);
}

#[test]
fn a_stream_that_falls_behind_says_by_how_much() {
    let scene = Scene::set();
    let mut stream = Stream::open(&scene, "?after=0", None);
    // More than the log keeps, and nobody reads meanwhile.
    for age in 1..5000 {
        let policy = NetworkPolicy {
            max_age_seconds: age,
            ..NetworkPolicy::default()
        };
        let changed = scene.live.switch().set_network(NetworkId::DEFAULT, policy);
        changed.unwrap();
    }
    let lines = stream.next();
    let missed = lines.iter().find_map(|line| line.strip_prefix("data: "));
    assert_eq!(lines[0], "event: missed");
    let missed: u64 = missed.unwrap().parse().unwrap();
    let (_, event) = stream.event();
    assert_eq!(event["number"], missed + 1);
}

#[test]
fn there_are_so_many_streams_and_no_more() {
    let scene = Scene::set();
    let mut streams: Vec<_> = (0..16).map(|_| Stream::open(&scene, "", None)).collect();
    let another = || {
        let request = Request::builder().uri("/v1/events");
        let request = request.header(header::ACCEPT, "application/json, text/event-stream;q=0.9");
        request.body(Body::empty()).unwrap()
    };
    scene.send(another()).assert_problem(Kind::Busy);
    assert_eq!(scene.ask(&Method::GET, "/v1/events").status, StatusCode::OK);
    streams.pop();
    assert_eq!(scene.start(another()).status(), StatusCode::OK);
}

#[test]
fn a_number_that_is_none_is_malformed() {
    let scene = Scene::set();
    for (path, last) in [
        ("/v1/events?after=x", "1"),
        ("/v1/events?after=-1", "1"),
        ("/v1/events", "x"),
    ] {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, "text/event-stream");
        let request = request.header("last-event-id", last).body(Body::empty());
        scene.send(request.unwrap()).assert_problem(Kind::Malformed);
    }
}
