//! The HTTP API as a stranger meets it: bytes on a connection, and whatever comes back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Longer than the switch's patience with anybody.
const PATIENCE: Duration = Duration::from_secs(25);

/// Where a switch serves its API.
#[derive(Clone, Debug)]
pub struct Api {
    /// On TCP, for whoever has the token.
    pub address: SocketAddr,
    /// That token.
    pub token: String,
    /// The control socket, for whoever can open it.
    pub socket: PathBuf,
}

impl Api {
    /// A connection by TCP.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    pub fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the API listens on TCP");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time that is not zero");
        stream
    }

    /// A connection by the control socket.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    pub fn unix(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).expect("the control socket listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time that is not zero");
        stream
    }

    /// The header of a request with the token, but for its last empty line.
    #[must_use]
    pub fn header(&self, line: &str) -> String {
        let token = &self.token;
        format!("{line} HTTP/1.1\r\nhost: vmq\r\nauthorization: Bearer {token}\r\n")
    }

    /// The JSON at `path`, by the control socket.
    ///
    /// # Panics
    ///
    /// If that is not what is answered.
    #[must_use]
    pub fn read(&self, path: &str) -> Value {
        Self::json(self.unix(), &self.header(&format!("GET {path}")))
    }

    /// The JSON at `path`, by TCP.
    ///
    /// # Panics
    ///
    /// If that is not what is answered.
    #[must_use]
    pub fn read_by_tcp(&self, path: &str) -> Value {
        Self::json(self.tcp(), &self.header(&format!("GET {path}")))
    }

    /// Has something made, changed or removed by the control socket; a body has its media type. The status and the body of
    /// the answer.
    ///
    /// # Panics
    ///
    /// If what is answered is not HTTP.
    pub fn change(&self, line: &str, body: Option<(&str, &Value)>) -> (u16, String) {
        let mut header = self.header(line);
        let body = body.map_or_else(String::new, |(media_type, body)| {
            let body = body.to_string();
            let length = body.len();
            header += &format!("content-type: {media_type}\r\ncontent-length: {length}\r\n");
            body
        });
        Self::ask(self.unix(), &header, &body)
    }

    fn json(stream: impl Read + Write, header: &str) -> Value {
        let (status, body) = Self::ask(stream, header, "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("JSON: {body}"))
    }

    fn ask(mut stream: impl Read + Write, header: &str, body: &str) -> (u16, String) {
        // At once: who has its answer may end the connection.
        let request = format!("{header}connection: close\r\n\r\n{body}");
        let sent = stream.write_all(request.as_bytes());
        sent.expect("a request can be sent");
        let answer = rest_of(stream);
        let parts = answer.split_once("\r\n\r\n");
        let (head, body) = parts.unwrap_or_else(|| panic!("an answer has a header: {answer:?}"));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("an answer has a status: {answer:?}"));
        (status, body.to_owned())
    }
}

/// All that comes on a connection until the switch ends it. How it ends it is all the same.
///
/// # Panics
///
/// If it does not end it.
pub fn rest_of(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut portion = [0; 4096];
    loop {
        match stream.read(&mut portion) {
            Ok(0) => break,
            Ok(count) => bytes.extend(&portion[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_patience(&error) => panic!("the connection stays open"),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
