//! What can be wrong with a buffer, and that a request which is refused for it leaves no trace.

use ndis::*;
use vmq::oid::*;
use vmq::{NdisStatus, NdisVersion};

use crate::adapter::*;

/// What is done with an OID.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Query,
    Set,
    Method,
}

/// A request that would succeed, and how long its answer would be.
struct Sound {
    oid: NDIS_OID,
    kind: Kind,
    input: Vec<u8>,
    answer: usize,
}

/// One of each request, for an adapter with a complete queue 1 that has filter 1, and a queue 2 without either.
fn all(adapter: &Adapter) -> Vec<Sound> {
    let sound = |oid, kind, input: Vec<u8>, answer| Sound {
        oid,
        kind,
        input,
        answer,
    };
    let (width, revision) = (
        adapter.width,
        ReceiveQueueParameters::newest(adapter.version),
    );
    let queue = ReceiveQueueParameters::size(revision, width);
    let filter = ReceiveFilterParameters::size(revision, width);
    let infos = 16 + 2 * ReceiveQueueInfo::stride(revision, width);
    let of_queue = |queue_id| ReceiveQueueParameters {
        queue_id,
        ..queue_parameters()
    };
    let of_filter = ReceiveFilterParameters {
        filter_id: 1,
        ..Default::default()
    };
    let of_array = ReceiveFilterInfoArray {
        queue_id: 1,
        ..Default::default()
    };
    let array = ReceiveFilterInfoArray::size(revision, width);
    let capabilities = ReceiveFilterCapabilities::size(revision, width);
    vec![
        sound(
            OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
            Kind::Query,
            vec![],
            capabilities,
        ),
        sound(
            OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
            Kind::Query,
            vec![],
            capabilities,
        ),
        sound(
            OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
            Kind::Query,
            vec![],
            16,
        ),
        sound(OID_RECEIVE_FILTER_ENUM_QUEUES, Kind::Query, vec![], infos),
        sound(
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
            Kind::Method,
            adapter.bytes(queue_parameters()),
            queue,
        ),
        sound(
            OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
            Kind::Method,
            adapter.bytes(of_queue(1)),
            queue,
        ),
        sound(
            OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
            Kind::Set,
            adapter.bytes(of_queue(1)),
            0,
        ),
        sound(
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
            Kind::Method,
            adapter.complete(&[2], 16),
            36,
        ),
        sound(
            OID_RECEIVE_FILTER_FREE_QUEUE,
            Kind::Set,
            adapter.bytes(ReceiveQueueFreeParameters {
                flags: 0,
                queue_id: 2,
            }),
            0,
        ),
        sound(
            OID_RECEIVE_FILTER_SET_FILTER,
            Kind::Method,
            adapter.filter(1, &[to(2)], 56),
            filter,
        ),
        sound(
            OID_RECEIVE_FILTER_PARAMETERS,
            Kind::Method,
            adapter.bytes(of_filter),
            filter.next_multiple_of(8) + 56,
        ),
        sound(
            OID_RECEIVE_FILTER_ENUM_FILTERS,
            Kind::Method,
            adapter.bytes(of_array),
            array + 16,
        ),
        sound(
            OID_RECEIVE_FILTER_CLEAR_FILTER,
            Kind::Set,
            adapter.bytes(ReceiveFilterClearParameters {
                flags: 0,
                queue_id: 1,
                filter_id: 1,
            }),
            0,
        ),
    ]
}

fn adapter(width: PointerWidth, version: NdisVersion) -> Adapter {
    let mut adapter = Adapter::new(width, version);
    assert_eq!(adapter.completed(), 1);
    assert_eq!(adapter.filtered(1, 1), 1);
    assert_eq!(adapter.allocated(), 2);
    adapter
}

impl Adapter {
    /// Asks in a buffer that begins anywhere.
    fn ask_at(
        &mut self,
        skip: usize,
        request: &Sound,
        caller: Caller,
        input: usize,
        room: usize,
    ) -> Answer {
        let mut buffer = vec![0xee; skip + request.input.len().max(room)];
        buffer[skip..skip + request.input.len()].copy_from_slice(&request.input);
        let at = &mut buffer[skip..];
        let information = match request.kind {
            Kind::Query => Information::Query(&mut at[..room]),
            Kind::Set => Information::Set(&at[..input]),
            Kind::Method => Information::method(at, input, room),
        };
        let completion = self.ask(request.oid, caller, information);
        Answer {
            completion,
            buffer: buffer.split_off(skip),
        }
    }

    /// Everything that can be asked about: two adapters that differ in nothing say the same.
    fn said(&mut self) -> Vec<String> {
        let queues = self.engine.queues().map(|queue| format!("{queue:?}"));
        let mut said: Vec<_> = queues.collect();
        for queue in (0..4).map(vmq::QueueId) {
            let filters = self
                .engine
                .filters(queue)
                .map(|filters| filters.collect::<Vec<_>>());
            said.push(format!("{filters:?}"));
        }
        said.push(format!("{:?}", self.engine.table().members()));
        said
    }
}

fn everywhere(mut check: impl FnMut(PointerWidth, NdisVersion, usize)) {
    for (width, version) in WIDTHS.into_iter().flat_map(|width| {
        [NdisVersion::V6_20, NdisVersion::V6_30, NdisVersion::V6_50].map(|version| (width, version))
    }) {
        for nth in 0..all(&adapter(width, version)).len() {
            check(width, version, nth);
        }
    }
}

#[test]
fn requests_succeed_wherever_their_buffer_lies() {
    everywhere(|width, version, nth| {
        for skip in 0..4 {
            let mut adapter = adapter(width, version);
            let request = &all(&adapter)[nth];
            let answer = adapter.ask_at(skip, request, ME, request.input.len(), request.answer);
            let expected = if request.oid == OID_RECEIVE_FILTER_FREE_QUEUE {
                NdisStatus::PENDING
            } else {
                NdisStatus::SUCCESS
            };
            assert_eq!(
                answer.status(),
                expected,
                "{:#x} {:?}",
                request.oid,
                request.kind
            );
            assert_eq!(
                answer.completion.bytes_written as usize, request.answer,
                "{:#x}",
                request.oid
            );
        }
    });
}

#[test]
fn c6_a_buffer_that_is_too_short_is_told_how_long_it_would_have_to_be() {
    everywhere(|width, version, nth| {
        let mut adapter = adapter(width, version);
        let before = adapter.said();
        let request = &all(&adapter)[nth];
        let whole = request.input.len();
        for input in 0..whole {
            let answer = adapter.ask_at(1, request, ME, input, 2000);
            let said = answer.completion;
            assert_eq!(
                (said.status, said.bytes_read, said.bytes_written),
                (NdisStatus::INVALID_LENGTH, 0, 0),
                "{:#x} {input}",
                request.oid
            );
            assert!(
                (input + 1..=whole).contains(&(said.bytes_needed as usize)),
                "{:#x} {input}: {said:?}",
                request.oid
            );
        }
        for room in 0..request.answer {
            let answer = adapter.ask_at(1, request, ME, whole, room);
            let said = answer.completion;
            assert_eq!(
                (said.status, said.bytes_needed as usize),
                (NdisStatus::INVALID_LENGTH, request.answer),
                "{:#x} {room}",
                request.oid
            );
            let untouched = answer.buffer[..whole] == request.input
                && answer.buffer[whole..].iter().all(|byte| *byte == 0xee);
            assert!(untouched, "nothing is written");
        }
        assert_eq!(adapter.said(), before, "{:#x} leaves no trace", request.oid);
    });
}

#[test]
fn a_header_that_is_not_its_structures_is_refused() {
    everywhere(|width, version, nth| {
        let mut adapter = adapter(width, version);
        let before = adapter.said();
        let mut request = all(&adapter).swap_remove(nth);
        if request.kind == Kind::Query {
            return;
        }
        let size = u16::from_le_bytes([request.input[2], request.input[3]]);
        let mut status = |at: usize, bytes: &[u8]| {
            let kept = request.input[at..at + bytes.len()].to_vec();
            request.input[at..at + bytes.len()].copy_from_slice(bytes);
            let said = adapter
                .ask_at(0, &request, ME, request.input.len(), 2000)
                .completion;
            request.input[at..at + bytes.len()].copy_from_slice(&kept);
            (said.status, said.bytes_needed)
        };
        assert_eq!(
            status(0, &[NDIS_OBJECT_TYPE_OID_REQUEST]),
            (NdisStatus::INVALID_PARAMETER, 0)
        );
        assert_eq!(status(1, &[0]), (NdisStatus::UNSUPPORTED_REVISION, 0));
        assert_eq!(
            status(2, &(size - 1).to_le_bytes()).0,
            NdisStatus::INVALID_LENGTH
        );
        assert_eq!(
            status(2, &u16::MAX.to_le_bytes()).0,
            NdisStatus::INVALID_LENGTH,
            "more than there is"
        );
        assert_eq!(adapter.said(), before);
    });
}

/// A caller of a later version says more than is known here, which is skipped.
#[test]
fn a_newer_revision_is_read_as_the_newest_that_is_known() {
    everywhere(|width, version, nth| {
        let mut adapter = adapter(width, version);
        let mut request = all(&adapter).swap_remove(nth);
        if request.kind == Kind::Query
            || request.oid == OID_RECEIVE_FILTER_SET_FILTER
            || request.oid == OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE
        {
            return;
        }
        request.input.extend([0xaa; 12]);
        let size = u16::from_le_bytes([request.input[2], request.input[3]]) + 12;
        request.input[1] = 99;
        request.input[2..4].copy_from_slice(&size.to_le_bytes());
        let answer = adapter.ask_at(0, &request, ME, request.input.len(), 2000);
        assert!(answer.status().is_success(), "{:#x}", request.oid);
        assert_eq!(answer.completion.bytes_written as usize, request.answer);
    });
}

/// An older driver asks in revision 1, and is answered in it.
#[test]
fn an_older_revision_is_answered_in_kind() {
    for width in WIDTHS {
        let mut adapter = adapter(width, NdisVersion::V6_50);
        let asked = ReceiveQueueParameters {
            queue_id: 1,
            ..queue_parameters()
        }
        .to_bytes(1, width);
        let answer = adapter.method(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, ME, asked, 2000);
        let size = ReceiveQueueParameters::size(1, width);
        assert_eq!(
            (answer.completion.bytes_written as usize, answer.buffer[1]),
            (size, 1)
        );
        assert_eq!(answer.buffer[size], 0xee, "not a byte more");
        let asked = ReceiveFilterParameters {
            filter_id: 1,
            ..Default::default()
        }
        .to_bytes(1, width);
        let answer = adapter.method(OID_RECEIVE_FILTER_PARAMETERS, ME, asked, 2000);
        assert_eq!(
            (
                answer.completion.bytes_written,
                answer.buffer[1],
                answer.buffer[20]
            ),
            (40 + 56, 1, 40)
        );
    }
}

#[test]
fn arrays_that_leave_their_buffer_or_overlap_their_head_are_refused() {
    for mut adapter in WIDTHS.map(|width| adapter(width, NdisVersion::V6_30)) {
        let before = adapter.said();
        let complete = (
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
            adapter.complete(&[2], 16),
            [8, 12, 16],
            20,
            16,
        );
        let filter = (
            OID_RECEIVE_FILTER_SET_FILTER,
            adapter.filter(1, &[to(2)], 56),
            [20, 24, 28],
            44,
            56,
        );
        for (oid, sound, [offset, count, size], head, least) in [complete, filter] {
            let mut said = |changes: &[(usize, u32)]| {
                let mut asked = sound.clone();
                for (at, number) in changes {
                    asked[*at..at + 4].copy_from_slice(&number.to_le_bytes());
                }
                let completion = adapter.method(oid, ME, asked, 2000).completion;
                (completion.status, completion.bytes_needed)
            };
            let length = sound.len() as u32;
            let refused = (NdisStatus::INVALID_PARAMETER, 0);
            assert_eq!(said(&[(offset, head - 1)]), refused, "over its head");
            assert_eq!(said(&[(offset, 0)]), refused);
            assert_eq!(
                said(&[(size, least - 1)]),
                refused,
                "shorter elements than theirs"
            );
            assert_eq!(said(&[(size, 0)]), refused);
            assert_eq!(
                said(&[(offset, length - least + 1)]),
                (NdisStatus::INVALID_LENGTH, length + 1)
            );
            assert_eq!(
                said(&[(offset, length)]),
                (NdisStatus::INVALID_LENGTH, length + least)
            );
            let two = sound.len() as u32 + least;
            assert_eq!(said(&[(count, 2)]), (NdisStatus::INVALID_LENGTH, two));
            for far in [
                &[(offset, u32::MAX)][..],
                &[(count, u32::MAX)],
                &[(size, u32::MAX)],
                &[(offset, u32::MAX), (count, u32::MAX), (size, u32::MAX)],
            ] {
                assert_eq!(said(far), refused, "no buffer is so long");
            }
        }
        assert_eq!(adapter.said(), before);
    }
}

#[test]
fn c7_before_620_nothing_is_supported() {
    for width in WIDTHS {
        let requests = all(&adapter(width, NdisVersion::V6_30));
        let mut older = Adapter::new(width, NdisVersion::V6_1);
        for request in requests {
            let answer = older.ask_at(0, &request, ME, request.input.len(), 2000);
            assert_eq!(
                answer.status(),
                NdisStatus::NOT_SUPPORTED,
                "{:#x}",
                request.oid
            );
        }
    }
}

#[test]
fn an_oid_is_asked_in_its_own_way_or_not_at_all() {
    everywhere(|width, version, nth| {
        let mut adapter = adapter(width, version);
        let before = adapter.said();
        let sound = all(&adapter);
        let request = &sound[nth];
        for kind in [Kind::Query, Kind::Set, Kind::Method] {
            if sound
                .iter()
                .any(|other| (other.oid, other.kind) == (request.oid, kind))
            {
                continue;
            }
            let wrong = Sound {
                kind,
                input: request.input.clone(),
                ..*request
            };
            let answer = adapter.ask_at(0, &wrong, ME, wrong.input.len(), 2000);
            assert_eq!(
                answer.status(),
                NdisStatus::NOT_SUPPORTED,
                "{:#x} {kind:?}",
                request.oid
            );
        }
        assert_eq!(adapter.said(), before);
    });
    let mut adapter = Adapter::new(PointerWidth::Bits64, NdisVersion::V6_30);
    for oid in [
        0,
        0x0001_022C,
        OID_NIC_SWITCH_CURRENT_CAPABILITIES,
        OID_PACKET_COALESCING_FILTER_MATCH_COUNT,
        u32::MAX,
    ] {
        assert_eq!(
            adapter.query(oid, ME, 2000).status(),
            NdisStatus::NOT_SUPPORTED
        );
    }
}

#[test]
fn user_mode_reads_and_changes_nothing() {
    everywhere(|width, version, nth| {
        let mut adapter = adapter(width, version);
        let before = adapter.said();
        let request = &all(&adapter)[nth];
        let reads = [
            OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
            OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
            OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
            OID_RECEIVE_FILTER_ENUM_QUEUES,
            OID_RECEIVE_FILTER_ENUM_FILTERS,
            OID_RECEIVE_FILTER_PARAMETERS,
        ];
        let reads = reads.contains(&request.oid)
            || (request.oid, request.kind) == (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Method);
        let answer = adapter.ask_at(0, request, Caller::UserMode, request.input.len(), 5000);
        let expected = if reads {
            NdisStatus::SUCCESS
        } else {
            NdisStatus::NOT_SUPPORTED
        };
        assert_eq!(answer.status(), expected, "{:#x}", request.oid);
        assert_eq!(adapter.said(), before);
    });
}
