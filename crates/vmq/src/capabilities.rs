//! What an engine offers: what it could do, what of that is switched on, and both in NDIS' words (C1 to C3).

use crate::status::NdisStatus;
use crate::tick::Span;
use crate::version::NdisVersion;

/// What an engine can do and how much it may hold: the "hardware".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Queues besides the default queue.
    pub num_queues: u16,
    /// Filters, static and learned together; at most 65 535 of them can be static, for that many ids there are.
    pub max_filters: u32,
    /// Learned filters of a queue that has no limit of its own.
    pub learned_per_queue: u32,
    /// Processors that queues may name, those of group *g* from 64 · *g* on (Q3).
    pub processors: u32,
    /// Comparisons besides Equal that filters can make: `NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_*_SUPPORTED` (T4).
    pub filter_tests: u32,
    /// Fields besides destination address and VLAN id that filters can test: `NDIS_RECEIVE_FILTER_MAC_HEADER_*_SUPPORTED`
    /// (T4).
    pub mac_fields: u32,
    /// How lookahead split can be had in the modes of NDIS 6.20; `None`: not at all.
    pub lookahead: Option<Lookahead>,
}

/// Lookahead sizes that can be had, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookahead {
    /// A smaller one is raised to this.
    pub min: u32,
    /// A larger one is refused.
    pub max: u32,
}

impl Capabilities {
    /// What every adapter with virtual machine queues has (C1), on any processor, and VLAN tests; nothing is learned.
    pub const fn new(num_queues: u16, max_filters: u32) -> Capabilities {
        Capabilities {
            num_queues,
            max_filters,
            learned_per_queue: 0,
            processors: u32::MAX,
            filter_tests: 0,
            mac_fields: 0,
            lookahead: None,
        }
    }
}

/// What is switched on, and how the engine is to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The version whose rules hold.
    pub version: NdisVersion,
    /// Virtual machine queues at all: the keyword `*VMQ`.
    pub has_vmq: bool,
    /// Tests of VLAN ids: the keyword `*VMQVlanFiltering`.
    pub has_vlan_filtering: bool,
    /// Lookahead split: the keyword `*VMQLookaheadSplit`. From NDIS 6.30 on it means nothing (L5).
    pub has_lookahead_split: bool,
    /// How callers write numbers into the values of field tests (T5). Typed requests have no such doubt.
    pub field_order: FieldOrder,
    /// How long a learned filter lives after its address was last seen.
    pub max_age: Span,
}

/// The byte order of a number, such as a VLAN id, in the value of a field test (T5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FieldOrder {
    /// As on the wire, which the documentation asks for.
    #[default]
    Network,
    /// As numbers stand in memory on Windows, which known drivers compare.
    Native,
}

impl Default for Settings {
    /// NDIS 6.30 with everything switched on; addresses are kept for 300 s, as by bridges (IEEE 802.1Q, 8.8.3).
    fn default() -> Settings {
        Settings {
            version: NdisVersion::V6_30,
            has_vmq: true,
            has_vlan_filtering: true,
            has_lookahead_split: true,
            field_order: FieldOrder::Network,
            max_age: Span(300),
        }
    }
}

/// What an adapter says of itself, `NDIS_RECEIVE_FILTER_CAPABILITIES`. The bits are those of the `ndis` crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilterCapabilities {
    /// `NDIS_RECEIVE_FILTER_*_FILTERS_ENABLED`.
    pub enabled_filter_types: u32,
    /// `NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED` or 0.
    pub enabled_queue_types: u32,
    /// Queues besides the default queue.
    pub num_queues: u32,
    /// What its queues can do.
    pub queue_properties: u32,
    /// `NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_*_SUPPORTED`.
    pub filter_tests: u32,
    /// `NDIS_RECEIVE_FILTER_*_HEADER_SUPPORTED`.
    pub headers: u32,
    /// `NDIS_RECEIVE_FILTER_MAC_HEADER_*_SUPPORTED`.
    pub mac_fields: u32,
    /// Filters that somebody may set.
    pub max_mac_filters: u32,
    /// The smallest lookahead, in bytes.
    pub min_lookahead: u32,
    /// The largest lookahead, in bytes; 0 without lookahead split.
    pub max_lookahead: u32,
}

/// What is enabled, `NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalParameters {
    /// `NDIS_RECEIVE_FILTER_*_FILTERS_ENABLED`.
    pub enabled_filter_types: u32,
    /// `NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED` or 0.
    pub enabled_queue_types: u32,
}

/// Capabilities under settings: what a request may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) capabilities: Capabilities,
    pub(crate) settings: Settings,
}

impl Offer {
    pub(crate) fn has_version(&self, version: NdisVersion) -> bool {
        self.settings.version >= version
    }

    /// Whether there are queues and filters to talk about: not before NDIS 6.20 (C7), and not while they are off (C2).
    pub(crate) fn check_vmq(&self) -> Result<(), NdisStatus> {
        if self.has_version(NdisVersion::V6_20) && self.settings.has_vmq {
            Ok(())
        } else {
            Err(NdisStatus::NOT_SUPPORTED)
        }
    }

    /// Lookahead split, where it can be asked for (L5).
    pub(crate) fn lookahead(&self) -> Option<Lookahead> {
        self.capabilities
            .lookahead
            .filter(|_| !self.has_version(NdisVersion::V6_30) && self.settings.has_lookahead_split)
    }

    /// Everything that the version has, whatever is switched off (C1).
    pub(crate) fn hardware(&self) -> FilterCapabilities {
        let everything = Settings {
            has_vmq: true,
            has_vlan_filtering: true,
            has_lookahead_split: true,
            ..self.settings
        };
        Offer {
            settings: everything,
            ..*self
        }
        .current()
    }

    /// What is switched on; without virtual machine queues nothing is (C2).
    pub(crate) fn current(&self) -> FilterCapabilities {
        if self.check_vmq().is_err() {
            return FilterCapabilities::default();
        }
        let mut queue_properties = ndis::NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED
            | ndis::NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED;
        if self.lookahead().is_some() {
            queue_properties |= ndis::NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED;
        }
        if self.has_version(NdisVersion::V6_30) {
            queue_properties |=
                ndis::NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED
                    | ndis::NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED;
        }
        let (filter_tests, mut mac_fields) = self.tests();
        if !self.settings.has_vlan_filtering {
            mac_fields &= !ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;
        }
        let GlobalParameters {
            enabled_filter_types,
            enabled_queue_types,
        } = self.global();
        FilterCapabilities {
            enabled_filter_types,
            enabled_queue_types,
            num_queues: self.capabilities.num_queues.into(),
            queue_properties,
            filter_tests,
            headers: ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
            mac_fields,
            max_mac_filters: self.capabilities.static_filters().into(),
            min_lookahead: self.lookahead().map_or(0, |sizes| sizes.min),
            max_lookahead: self.lookahead().map_or(0, |sizes| sizes.max),
        }
    }

    /// Comparisons and fields that the adapter has, as far as the version has them.
    fn tests(&self) -> (u32, u32) {
        let (tests, fields) = match self.has_version(NdisVersion::V6_30) {
            true => (TESTS | TESTS_FROM_630, FIELDS | FIELDS_FROM_630),
            false => (TESTS, FIELDS),
        };
        (
            (LEAST_TESTS | self.capabilities.filter_tests) & tests,
            (LEAST_FIELDS | self.capabilities.mac_fields) & fields,
        )
    }

    /// What is enabled (C3).
    pub(crate) fn global(&self) -> GlobalParameters {
        if self.check_vmq().is_err() {
            return GlobalParameters::default();
        }
        GlobalParameters {
            enabled_filter_types: ndis::NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
            enabled_queue_types: ndis::NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
        }
    }
}

/// What every adapter can test here.
const LEAST_TESTS: u32 = ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED;
const LEAST_FIELDS: u32 = ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED
    | ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;

/// What there is to be tested, and what came with NDIS 6.30.
const TESTS: u32 = LEAST_TESTS | ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED;
const TESTS_FROM_630: u32 = ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED;
const FIELDS: u32 = LEAST_FIELDS
    | ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_SOURCE_ADDR_SUPPORTED
    | ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_PROTOCOL_SUPPORTED
    | ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_PRIORITY_SUPPORTED;
const FIELDS_FROM_630: u32 = ndis::NDIS_RECEIVE_FILTER_MAC_HEADER_PACKET_TYPE_SUPPORTED;

impl Capabilities {
    /// How many filters can be static.
    pub(crate) fn static_filters(&self) -> u16 {
        u16::try_from(self.max_filters).unwrap_or(u16::MAX)
    }
}
