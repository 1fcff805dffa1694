//! Slot `Ieee8021QNetBufferListInfo`: the VLAN tag that was taken out of the frames, or is to be put in.

slot_info! {
    /// VLAN tag and priority; all zero says that there is no tag. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_8021Q_INFO.
    pub struct NDIS_NET_BUFFER_LIST_8021Q_INFO {
        /// Priority, 0 to 7. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_8021Q_INFO.
        UserPriority, SetUserPriority: bits 0..3;
        /// The bit between priority and VLAN (today: may be dropped). NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_8021Q_INFO.
        CanonicalFormatId, SetCanonicalFormatId: flag 3;
        /// VLAN, 0 to 4095; 0 is "priority only". NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_8021Q_INFO.
        VlanId, SetVlanId: bits 4..16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_not_laid_out_as_on_the_wire() {
        let mut tag = NDIS_NET_BUFFER_LIST_8021Q_INFO::zeroed();
        tag.SetVlanId(0xABC);
        tag.SetUserPriority(5);
        assert_eq!(
            tag.Value, 0xABC5,
            "the priority is lowest; on the wire (TCI) it is highest"
        );
        tag.SetCanonicalFormatId(true);
        assert_eq!(tag.Value, 0xABCD);
        assert_eq!(
            (tag.VlanId(), tag.UserPriority(), tag.CanonicalFormatId()),
            (0xABC, 5, true)
        );
    }
}
