//! The virtual machine queue engine, sans I/O: queues, filters, control requests and the lookup table they compile to.
//!
//! This room decides *where a frame goes* and nothing else. It has no memory of any guest, no socket, no clock, no thread
//! and no source of randomness: whoever calls says what time it is ([`Tick`]) and brings the hash seed, so every run can
//! be repeated. It has two sides, and one type on the border:
//!
//! ```text
//!   control thread                                    workers
//!   Engine: queues and their states, filters,   Arc<Table>: (VLAN, destination MAC) -> queue
//!           learned filters and their age      ──────────►  one hash, one probe, never changes
//!                  ▲                                              │
//!                  └────────── marks: "this source was seen" ─────┘
//! ```
//!
//! The words are those of NDIS: a *queue* belongs to one virtual machine, a *filter* assigns frames to a queue, queue 0
//! is the *default queue* that takes what no filter wants. Rules are cited by the names that the project's NDIS reference
//! gives them (Q1.. queue states, F1.. freeing, T1.. filters).
//!
//! # Requests
//!
//! | NDIS request | here | refused with |
//! | --- | --- | --- |
//! | ALLOCATE_QUEUE | [`Engine::allocate_queue`] | INVALID_PARAMETER, RESOURCES |
//! | QUEUE_PARAMETERS, set and read | [`Engine::change_queue`], [`Engine::queue`] | INVALID_PARAMETER |
//! | QUEUE_ALLOCATION_COMPLETE | [`Engine::allocation_complete`] | INVALID_PARAMETER, queue by queue |
//! | SET_FILTER | [`Engine::set_filter`] | INVALID_PARAMETER, RESOURCES |
//! | CLEAR_FILTER | [`Engine::clear_filter`] | FILE_NOT_FOUND |
//! | FREE_QUEUE and its completion | [`Engine::free_queue`], [`Engine::dma_stopped`], [`Engine::resources_freed`] | INVALID_PARAMETER, INVALID_STATE |
//! | ENUM_QUEUES, ENUM_FILTERS | [`Engine::queues`], [`Engine::filters`] | INVALID_PARAMETER |
//! | PARAMETERS | [`Engine::filter`] | INVALID_PARAMETER |
//! | none: our own | [`Engine::learn`], [`Engine::age`] | [`Reason`] |
//!
//! Not offered: field tests other than Equal on destination MAC and VLAN (T4), encapsulated frames (T13), queue groups, and
//! MOVE_FILTER, which NDIS has for virtual ports only (T12). A learned filter moves by itself and just as atomically: in
//! every table it is on exactly one queue.
//!
//! # A port's life
//!
//! ```
//! use vmq::{Affinity, AllocateQueue, Capabilities, Engine, Filter, Learned, Span, Tick, VlanId, VlanTest};
//!
//! let capabilities = Capabilities { num_queues: 8, max_filters: 1000, learned_per_queue: 64, max_age: Span(300) };
//! let mut engine = Engine::new(capabilities, 0x5eed);
//! let queue = engine.allocate_queue(AllocateQueue {
//!     queue_name: "web-1/0".into(),
//!     vm_name: "web-1".into(),
//!     flags: 0,
//!     processor_affinity: Affinity { group: 0, mask: 0b1 },
//! })?;
//! let mac = "52:54:00:00:00:01".parse()?;
//! let filter = engine.set_filter(queue, Filter { mac, vlan: VlanTest::UntaggedOrZero })?;
//! engine.allocation_complete(&[queue]);
//!
//! // The guest speaks with a second address: a learned filter.
//! let second = "52:54:00:00:00:02".parse()?;
//! assert_eq!(engine.learn(queue, VlanId::UNTAGGED, second, Tick(0)), Learned::New);
//!
//! let table = engine.table();
//! assert_eq!(table.lookup(VlanId::UNTAGGED, mac).map(|hit| hit.queue), Some(queue));
//! assert_eq!(table.members(), [queue]);
//!
//! // Going away: filters first, then the queue; its memory only after the last copy is over.
//! engine.clear_filter(queue, filter)?;
//! engine.free_queue(queue)?;
//! engine.dma_stopped(queue)?;
//! engine.resources_freed(queue)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod engine;
mod filter;
mod hash;
mod hit;
mod id;
mod learn;
mod mac;
mod queue;
#[cfg(feature = "schema")]
mod schema;
mod state;
mod status;
mod table;
mod tick;

pub use engine::{Capabilities, Engine};
pub use filter::{Filter, FilterInfo, VlanTest};
pub use hit::{Entry, Hit};
pub use id::{FilterId, QueueId, VlanId};
pub use learn::{Learned, Reason};
pub use mac::{Mac, ParseMacError};
pub use queue::{Affinity, AllocateQueue, Event, OperationalState, QueueChange, QueueInfo};
pub use status::NdisStatus;
pub use table::Table;
pub use tick::{Span, Tick};
