//! Slot `NetBufferListFilteringInfo`: which VM queue, and which filter.
//!
//! Ids are 32 bits wide in requests and 16 in this slot, so no usable id is above 0xFFFF.

slot_info! {
    /// VM queue and filter of the frames. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_FILTERING_INFO.
    pub struct NDIS_NET_BUFFER_LIST_FILTERING_INFO {
        /// The filter that the frames passed; 0 under VMQ. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_FILTERING_INFO.
        FilterId, SetFilterId: short 0..16;
        /// The VM queue; 0 is the default queue. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_FILTERING_INFO.
        QueueId, SetQueueId: short 16..32;
        /// The virtual port, at the queue's place where virtual ports take the place of queues. NDIS 6.30.
        /// Page: NDIS_NET_BUFFER_LIST_FILTERING_INFO.
        VPortId, SetVPortId: short 16..32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_the_slots_first_short_and_the_queue_its_second() {
        let mut info = NDIS_NET_BUFFER_LIST_FILTERING_INFO::zeroed();
        info.SetFilterId(0x0102);
        info.SetQueueId(0x0304);
        let bytes = info.Value.to_le_bytes();
        assert_eq!(bytes[..4], [0x02, 0x01, 0x04, 0x03]);
        assert!(bytes[4..].iter().all(|byte| *byte == 0));
    }
}
