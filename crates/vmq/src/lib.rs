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
//! | HARDWARE_CAPABILITIES, CURRENT_CAPABILITIES, GLOBAL_PARAMETERS | [`Engine::hardware_capabilities`], [`Engine::current_capabilities`], [`Engine::global_parameters`] | |
//! | ALLOCATE_QUEUE | [`Engine::allocate_queue`] | INVALID_PARAMETER, NOT_SUPPORTED, RESOURCES |
//! | QUEUE_PARAMETERS, set and read | [`Engine::change_queue`], [`Engine::queue`] | INVALID_PARAMETER, NOT_SUPPORTED |
//! | QUEUE_ALLOCATION_COMPLETE | [`Engine::allocation_complete`] | INVALID_PARAMETER or what the memory's allocation says, queue by queue |
//! | SET_FILTER | [`Engine::set_filter`], [`Engine::set_filter_as`] | INVALID_PARAMETER, NOT_SUPPORTED, RESOURCES |
//! | MOVE_FILTER, between queues | [`Engine::move_filter`] | INVALID_PARAMETER |
//! | CLEAR_FILTER | [`Engine::clear_filter`] | FILE_NOT_FOUND |
//! | FREE_QUEUE and its completion | [`Engine::free_queue`], [`Engine::dma_stopped`], [`Engine::resources_freed`] | INVALID_PARAMETER, INVALID_STATE |
//! | ENUM_QUEUES, ENUM_FILTERS | [`Engine::queues`], [`Engine::filters`] | INVALID_PARAMETER |
//! | PARAMETERS | [`Engine::filter`] | INVALID_PARAMETER |
//! | none: keywords and a restart | [`Engine::change_settings`], [`Engine::change_capabilities`] | INVALID_STATE |
//! | none: our own | [`Engine::learn`], [`Engine::age`] | [`Reason`] |
//!
//! Who makes a request says who it is ([`Binding`]): queues and filters are changed by those alone who made them (T9, Q13).
//! What the engine has to tell (NDIS: status indications) is in the answers, as [`Event`]s.
//!
//! Each of NDIS' requests can also be made in its binary form, by buffers of either pointer width: module [`oid`].
//!
//! # Filters
//!
//! A filter is a set of field tests, all of which must pass ([`Criteria`]). Equal on destination MAC and VLAN id is always
//! offered, the other comparisons and fields if [`Capabilities`] say so (T4). Where several filters accept a frame, the lowest
//! id wins (T2), and any that somebody has set wins over one that was learned. Exact filters ([`Filter`]) are found by one
//! hash, however many there are; the others are tried one by one, and cost nothing where there are none.
//!
//! Not offered: encapsulated frames (T13), queue groups, and moving filters between virtual ports, of which there are none
//! (T12).
//!
//! # Shared memory
//!
//! [`SharedMemory`] is what NDIS is between a miniport that asks for a queue's memory and the [`Provider`] that yields it (rules
//! M1..): it knows which queue has which block, keeps the handle for segments apart from the one that frees, and holds what
//! comes against what was asked. No byte of that memory is touched here.
//!
//! # A port's life
//!
//! ```
//! use vmq::{
//!     Affinity, AllocateQueue, Binding, Capabilities, Engine, Filter, Learned, Settings, Tick, VlanId, VlanTest,
//! };
//!
//! let capabilities = Capabilities { learned_per_queue: 64, ..Capabilities::new(8, 1000) };
//! let mut engine = Engine::new(capabilities, Settings::default(), 0x5eed);
//! let me = Binding(1);
//! let parameters = AllocateQueue {
//!     queue_name: "web-1/0".into(),
//!     vm_name: "web-1".into(),
//!     processor_affinity: Affinity { group: 0, mask: 0b1 },
//!     ..AllocateQueue::default()
//! };
//! let queue = engine.allocate_queue(me, parameters)?;
//! let mac = "52:54:00:00:00:01".parse()?;
//! let filter = engine.set_filter(me, queue, Filter { mac, vlan: VlanTest::UntaggedOrZero })?;
//! engine.allocation_complete(me, &[queue], |_, _| Ok(()));
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
//! engine.clear_filter(me, queue, filter)?;
//! engine.free_queue(me, queue)?;
//! engine.dma_stopped(queue)?;
//! engine.resources_freed(queue)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod affinity;
mod capabilities;
mod criteria;
mod engine;
mod event;
mod field;
mod filter;
mod hash;
mod hit;
mod id;
mod key;
mod learn;
mod mac;
mod memory;
pub mod oid;
mod queue;
#[cfg(feature = "schema")]
mod schema;
mod state;
mod static_filters;
mod status;
mod table;
mod tick;
mod version;

pub use affinity::Affinity;
pub use capabilities::{
    Capabilities, FieldOrder, FilterCapabilities, GlobalParameters, Lookahead, Settings,
};
pub use criteria::Criteria;
pub use engine::Engine;
pub use event::Event;
pub use field::{Facts, Field, FieldTest, PacketType, Test};
pub use filter::{Filter, FilterInfo, VlanTest};
pub use hit::{Entry, Hit};
pub use id::{Binding, FilterId, QueueId, VlanId};
pub use learn::{Learned, MOVES_WITHIN, Reason, Station};
pub use mac::{Mac, ParseMacError};
pub use memory::{
    AllocateMemory, AllocationHandle, MAX_BLOCK, Memory, NodeRequirement, Piece, Provider,
    ProviderCharacteristics, ProviderHandle, SharedMemory, SharedMemoryHandle, Usage,
};
pub use queue::{AllocateQueue, Learning, OperationalState, QueueChange, QueueInfo};
pub use status::NdisStatus;
pub use table::Table;
pub use tick::{Span, Tick};
pub use version::NdisVersion;
