//! Ports, networks and filters made, changed and removed.

use super::*;

const PATCH: &str = "application/merge-patch+json";

impl Scene {
    /// Sends JSON of this type, with these headers besides.
    fn put_in(
        &self,
        (method, path): (Method, &str),
        media_type: &str,
        body: &Value,
        headers: &[(header::HeaderName, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::CONTENT_TYPE, media_type);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
    }

    fn make(&self, path: &str, body: &Value) -> Answer {
        self.put_in((Method::POST, path), "application/json", body, &[])
    }

    fn replace(&self, path: &str, body: &Value) -> Answer {
        self.put_in((Method::PUT, path), "application/json", body, &[])
    }

    fn change(&self, path: &str, body: &Value) -> Answer {
        self.put_in((Method::PATCH, path), PATCH, body, &[])
    }

    fn remove(&self, path: &str) -> Answer {
        self.ask(&Method::DELETE, path)
    }
}

impl Answer {
    fn assert_is(&self, status: StatusCode) -> &Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        self
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

fn names(list: &Value, of: &str) -> Vec<String> {
    let items = list[of].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_port_is_made_once_and_is_where_the_answer_says() {
    let scene = Scene::set();
    let web = json!({ "name": "web", "filters": ["52:54:00:00:00:20"], "vlan": { "access": 12 } });
    let made = scene.make("/v1/ports", &web);
    made.assert_is(StatusCode::CREATED);
    assert_eq!(made.header(header::LOCATION), "/v1/ports/web");
    let read = scene.ask(&Method::GET, "/v1/ports/web");
    assert_eq!(read.json(), made.json());
    assert_eq!(read.header(header::ETAG), made.header(header::ETAG));
    assert_eq!(
        read.json()["filters"],
        json!([{ "mac": "52:54:00:00:00:20" }])
    );
    assert_eq!(
        names(&scene.read("/v1/ports"), "ports"),
        ["p0", "p1", "web"]
    );
    // It runs.
    assert_eq!(
        scene.read("/v1/ports/web/status")["queues"][0]["filters"][0]["mac"],
        "52:54:00:00:00:20"
    );

    let again = scene.make("/v1/ports", &web).assert_problem(Kind::Conflict);
    assert_eq!(again["detail"], "port `web` is there already");
}

#[test]
fn put_takes_what_reading_gave_and_makes_what_is_not_there() {
    let scene = Scene::set();
    let mut port = scene.read("/v1/ports/p0");
    let same = scene.replace("/v1/ports/p0", &port);
    assert_eq!(same.assert_is(StatusCode::OK).json(), port);
    port["mtu"] = 1500.into();
    assert_eq!(scene.replace("/v1/ports/p0", &port).json()["mtu"], 1500);
    assert_eq!(scene.read("/v1/ports/p0/status")["mtu"], 1500);
    // What is not named has its default.
    let made = scene.replace("/v1/ports/p0", &json!({}));
    made.assert_is(StatusCode::OK);
    assert_eq!(
        (&made.json()["mtu"], &made.json()["filters"]),
        (&Value::Null, &json!([]))
    );

    let made = scene.replace("/v1/networks/lab", &json!({ "mode": "hub" }));
    made.assert_is(StatusCode::CREATED);
    assert_eq!(made.header(header::LOCATION), "/v1/networks/lab");
    assert_eq!(
        scene.read("/v1/networks/lab"),
        json!({
            "name": "lab",
            "mode": "hub",
            "link_local": false,
            "multicast_snooping": false,
            "max_age_seconds": 300,
        })
    );
    let other = scene.replace("/v1/networks/lab", &json!({ "name": "bal" }));
    assert_eq!(
        other.assert_problem(Kind::Conflict)["errors"][0]["pointer"],
        "#/name"
    );
}

#[test]
fn a_patch_changes_what_it_names() {
    let scene = Scene::set();
    let before = scene.read("/v1/ports/p0");
    let patched = scene.change(
        "/v1/ports/p0",
        &json!({ "bandwidth": { "to_guest": { "maximum": 1_000_000 } } }),
    );
    let mut after = before.clone();
    after["bandwidth"]["to_guest"]["maximum"] = 1_000_000.into();
    assert_eq!(patched.assert_is(StatusCode::OK).json(), after);
    // Variants take each other's place, and null puts a default back (RFC 7396).
    let vlan = |patch: Value| {
        let patched = scene.change("/v1/ports/p0", &json!({ "vlan": patch }));
        patched.assert_is(StatusCode::OK).json()["vlan"].clone()
    };
    assert_eq!(vlan(json!({ "access": 5 })), json!({ "access": 5 }));
    let trunk = json!({ "trunk": { "allowed": "1-9", "native": null } });
    assert_eq!(vlan(json!({ "trunk": { "allowed": "1-9" } })), trunk);
    assert_eq!(vlan(Value::Null), "transparent");
    let back = scene.change("/v1/ports/p0", &json!({ "bandwidth": null }));
    assert_eq!(back.json(), before);
    scene
        .change("/v1/ports/p9", &json!({}))
        .assert_problem(Kind::NotFound);
    // Every setting can be put back; a name that nobody knows is a mistake, also of what is to go.
    let mut settings = before.as_object().unwrap().clone();
    settings.remove("name");
    settings.values_mut().for_each(|value| *value = Value::Null);
    scene
        .change("/v1/ports/p0", &settings.into())
        .assert_is(StatusCode::OK);
    for (patch, pointer) in [
        (json!({ "mtuu": null }), "#/mtuu"),
        (json!({ "bandwidth": { "": null } }), "#/bandwidth/"),
        (
            json!({ "mirror": { "to": "p1", "~/": null } }),
            "#/mirror/~0~1",
        ),
    ] {
        let problem = scene
            .change("/v1/ports/p0", &patch)
            .assert_problem(Kind::Invalid);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

#[test]
fn who_goes_by_what_is_no_more_so_changes_nothing() {
    let scene = Scene::set();
    let before = scene.ask(&Method::GET, "/v1/ports/p0");
    let known = before.header(header::ETAG);
    scene
        .change("/v1/ports/p0", &json!({ "mtu": 9000 }))
        .assert_is(StatusCode::OK);
    let path = "/v1/ports/p0";
    let late = [(header::IF_MATCH, known)];
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let media_type = if method == Method::PATCH {
            PATCH
        } else {
            "application/json"
        };
        let answer = scene.put_in((method, path), media_type, &json!({ "mtu": 1500 }), &late);
        answer.assert_problem(Kind::PreconditionFailed);
    }
    assert_eq!(scene.read(path)["mtu"], 9000);
    let only_new = [(header::IF_NONE_MATCH, "*")];
    let answer = scene.put_in(
        (Method::PUT, path),
        "application/json",
        &json!({}),
        &only_new,
    );
    answer.assert_problem(Kind::PreconditionFailed);
    let answer = scene.put_in(
        (Method::PUT, "/v1/ports/p9"),
        "application/json",
        &json!({}),
        &[(header::IF_MATCH, "*")],
    );
    answer.assert_problem(Kind::PreconditionFailed);

    let now = scene.ask(&Method::GET, path);
    let known = now.header(header::ETAG);
    let request = Request::builder()
        .uri(path)
        .header(header::IF_NONE_MATCH, known);
    let unchanged = scene.send(request.body(Body::empty()).unwrap());
    unchanged.assert_is(StatusCode::NOT_MODIFIED);
    assert!(unchanged.body.is_empty() && unchanged.header(header::ETAG) == known);
    let answer = scene.put_in(
        (Method::DELETE, path),
        PATCH,
        &json!({}),
        &[(header::IF_MATCH, known)],
    );
    answer.assert_is(StatusCode::NO_CONTENT);
    scene.ask(&Method::GET, path).assert_problem(Kind::NotFound);
}

#[test]
fn a_network_with_ports_stays_and_so_does_the_default_one() {
    let scene = Scene::set();
    assert_eq!(names(&scene.read("/v1/networks"), "networks"), ["default"]);
    scene
        .make("/v1/networks", &json!({ "name": "lab" }))
        .assert_is(StatusCode::CREATED);
    scene
        .make("/v1/ports", &json!({ "name": "a", "network": "lab" }))
        .assert_is(StatusCode::CREATED);
    let problem = scene
        .remove("/v1/networks/lab")
        .assert_problem(Kind::Conflict);
    assert_eq!(
        (&problem["detail"], &problem["remedy"]),
        (
            &json!("network `lab` has ports: a"),
            &json!("remove them first, or put them into another network")
        )
    );
    scene
        .remove("/v1/ports/a")
        .assert_is(StatusCode::NO_CONTENT);
    scene
        .remove("/v1/networks/lab")
        .assert_is(StatusCode::NO_CONTENT);
    assert_eq!(names(&scene.read("/v1/networks"), "networks"), ["default"]);

    scene
        .remove("/v1/networks/default")
        .assert_problem(Kind::Conflict);
    scene
        .make("/v1/networks", &json!({ "name": "default" }))
        .assert_problem(Kind::Conflict);
    scene
        .change("/v1/networks/default", &json!({ "max_age_seconds": 60 }))
        .assert_is(StatusCode::OK);
    assert_eq!(scene.read("/v1/networks/default")["max_age_seconds"], 60);
}

#[test]
fn everything_that_is_wrong_is_named_with_its_place_and_a_remedy() {
    let scene = Scene::set();
    let wrong = json!({ "name": "web", "mtu": 12, "nmae": 1, "filters": ["01:00:5e:00:00:01", 7] });
    let problem = scene
        .make("/v1/ports", &wrong)
        .assert_problem(Kind::Invalid);
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers.len(), 3, "{problem}");
    for pointer in ["#/nmae", "#/filters/0", "#/filters/1"] {
        assert!(pointers.contains(&pointer), "{problem}");
    }
    let unknown = &problem["errors"][pointers
        .iter()
        .position(|pointer| *pointer == "#/nmae")
        .unwrap()];
    assert!(
        unknown["remedy"]
            .as_str()
            .unwrap()
            .contains("did you mean `name`?"),
        "{unknown}"
    );

    let problem = scene
        .change("/v1/ports/p1", &json!({ "mtu": 12 }))
        .assert_problem(Kind::Invalid);
    let error = json!([{ "pointer": "#/mtu", "detail": "there is no MTU of 12 bytes", "remedy": "use 68 to 65535, or leave it out for frames of any size" }]);
    assert_eq!(problem["errors"], error);
    assert_eq!(problem["detail"], "there is no MTU of 12 bytes");
    let problem = scene.replace("/v1/ports/p1", &json!({ "network": null, "rules": null }));
    let problem = problem.assert_problem(Kind::Invalid);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    // Nothing of it was done.
    assert_eq!(names(&scene.read("/v1/ports"), "ports"), ["p0", "p1"]);
}

#[test]
fn of_two_that_clash_the_one_that_was_sent_is_told() {
    let scene = Scene::set();
    // The port that has the address comes first in the configuration, and last.
    scene
        .make(
            "/v1/ports",
            &json!({ "name": "last", "filters": ["52:54:00:00:00:99"] }),
        )
        .assert_is(StatusCode::CREATED);
    for taken in ["52:54:00:00:00:10", "52:54:00:00:00:99"] {
        let problem = scene
            .change("/v1/ports/p1", &json!({ "filters": [taken] }))
            .assert_problem(Kind::Conflict);
        assert_eq!(problem["errors"][0]["pointer"], "#/filters/0", "{problem}");
    }
    let problem = scene
        .change(
            "/v1/ports/p1",
            &json!({ "mirror": { "to": "px" }, "network": "lab" }),
        )
        .assert_problem(Kind::Conflict);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    // A port that others need is not removed, and it is told who they are.
    scene
        .change("/v1/ports/p1", &json!({ "mirror": { "to": "p0" } }))
        .assert_is(StatusCode::OK);
    let problem = scene.remove("/v1/ports/p0").assert_problem(Kind::Conflict);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("port `p1`") && detail.contains("mirror"),
        "{problem}"
    );
}

#[test]
fn a_filter_is_set_and_cleared_as_part_of_its_port() {
    let scene = Scene::set();
    let made = scene.make(
        "/v1/filters",
        &json!({ "port": "p1", "mac": "52-54-00-00-00-0A", "vlan": 7 }),
    );
    let filter = json!({ "id": "p1,52:54:00:00:00:0a,7", "port": "p1", "mac": "52:54:00:00:00:0a", "vlan": 7, "is_learned": false });
    assert_eq!(made.assert_is(StatusCode::CREATED).json(), filter);
    let path = made.header(header::LOCATION);
    assert_eq!(path, "/v1/filters/p1,52:54:00:00:00:0a,7");
    assert_eq!(scene.read(path), filter);
    assert_eq!(
        scene.read("/v1/filters?port=p1")["filters"],
        json!([filter])
    );
    assert_eq!(
        scene.read("/v1/ports/p1")["filters"],
        json!([{ "mac": "52:54:00:00:00:0a", "vlan": 7 }])
    );
    for vlan in [json!("untagged"), json!(8)] {
        let more = json!({ "port": "p1", "mac": "52:54:00:00:00:0a", "vlan": vlan });
        scene
            .make("/v1/filters", &more)
            .assert_is(StatusCode::CREATED);
    }
    let taken = json!({ "port": "p0", "mac": "52:54:00:00:00:0a" });
    let problem = scene
        .make("/v1/filters", &taken)
        .assert_problem(Kind::Conflict);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    scene
        .make(
            "/v1/filters",
            &json!({ "port": "px", "mac": "52:54:00:00:00:0b" }),
        )
        .assert_problem(Kind::Conflict);
    let group = json!({ "port": "p0", "mac": "01:00:5e:00:00:01" });
    assert_eq!(
        scene
            .make("/v1/filters", &group)
            .assert_problem(Kind::Invalid)["errors"][0]["pointer"],
        "#/mac"
    );

    // The last address of a machine that may use no other stays.
    let only = "/v1/filters/p0,52:54:00:00:00:10,any";
    scene
        .change("/v1/ports/p0", &json!({ "mac_spoofing": false }))
        .assert_is(StatusCode::OK);
    let problem = scene.remove(only).assert_problem(Kind::Conflict);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("port `p0`: mac_spoofing: "), "{problem}");

    scene.remove(path).assert_is(StatusCode::NO_CONTENT);
    for path in [
        path,
        "/v1/filters/p1",
        "/v1/filters/p1,52:54:00:00:00:0a,any",
        "/v1/filters/a,b,c,d",
    ] {
        scene.remove(path).assert_problem(Kind::NotFound);
        scene.ask(&Method::GET, path).assert_problem(Kind::NotFound);
    }
    assert_eq!(
        scene.read("/v1/filters?port=p1")["filters"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn without_a_file_nothing_is_reloaded_or_saved() {
    let scene = Scene::set();
    for path in ["/v1/reload", "/v1/save"] {
        let problem = scene
            .ask(&Method::POST, path)
            .assert_problem(Kind::Conflict);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("--config FILE"),
            "{problem}"
        );
    }
}

#[test]
fn bodies_are_of_their_type_and_of_a_size() {
    let scene = Scene::set();
    let path = "/v1/ports/p0";
    for (method, media_type) in [
        (Method::PUT, "text/plain"),
        (Method::PUT, PATCH),
        (Method::PATCH, "application/json"),
        (Method::PATCH, ""),
    ] {
        let answer = scene.put_in((method, path), media_type, &json!({}), &[]);
        let problem = answer.assert_problem(Kind::UnsupportedMediaType);
        assert!(
            problem["remedy"].as_str().unwrap().contains("application/"),
            "{problem}"
        );
    }
    let charset = "Application/JSON; charset=utf-8";
    scene
        .put_in((Method::PUT, path), charset, &json!({}), &[])
        .assert_is(StatusCode::OK);
    let raw = |body: Vec<u8>| {
        let request = Request::builder().method(Method::PUT).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        scene.send(request.body(Body::from(body)).unwrap())
    };
    for body in ["", "{", "[1,]", "{\"a\":1}x", "\u{feff}{}", "nul"] {
        raw(body.into()).assert_problem(Kind::Malformed);
    }
    raw(vec![0xff, 0xfe]).assert_problem(Kind::Malformed);
    raw("[".repeat(100_000).into()).assert_problem(Kind::Malformed);
    for body in ["null", "7", "\"p0\"", "[]", "[{}]"] {
        raw(body.into()).assert_problem(Kind::Invalid);
    }
    raw(vec![b' '; 256 * 1024 + 1]).assert_problem(Kind::TooLarge);
    let mut padded = vec![b' '; 256 * 1024 - 2];
    padded.extend(b"{}");
    raw(padded).assert_is(StatusCode::OK);
}
