//! Frames of a network that is not plain: each receiver gets them in the form that it wants, or not at all.
//!
//! A run of frames came with the same tag and is in the same VLAN, so what is asked of a receiver is asked once a run. A frame
//! with another tag is a copy ([`nbl::Pool::retagged`]) that stands for the first until the end of the turn.

use nbl::{Nbl, NblQueue, Pool, Tag};
use ndis::NDIS_NET_BUFFER_LIST_8021Q_INFO;
use shmem::BlockTable;
use vmq::VlanId;

use super::judged::Judged;
use super::{Burst, Place, Sorted, is_other};
use crate::offload::Offload;
use crate::policy::{Audience, Class, Form, admit};
use crate::{DropReason, Fault};

impl<'p> Burst<'_, 'p> {
    /// As [`Burst::sort`]. A flooded run is delivered at once, for the next one may be for others.
    #[inline(never)]
    pub(super) fn sort_formed(
        &mut self,
        place: Place,
        mut run: NblQueue<'p>,
        sorted: &mut Sorted<'_, 'p>,
        judged: &Judged<'_, '_>,
    ) -> Result<(), Fault> {
        match place {
            Place::Ring { .. } => {
                self.form(&mut run, judged.form, &judged.class);
                self.sort(place, run, sorted)
            }
            Place::Flood => {
                if !sorted.unicast.is_empty() {
                    self.unicast(sorted.unicast)?;
                }
                self.flood_formed(run, &judged.class, judged.audience)
            }
            Place::Nowhere(_) => self.sort(place, run, sorted),
        }
    }

    /// Puts frames into the form that their one receiver wants.
    fn form(&mut self, run: &mut NblQueue<'p>, form: Form, class: &Class) {
        let Some(tag) = asked(form, class) else {
            beside(run, form, class);
            return;
        };
        let mut sent = std::mem::take(run);
        while let Some(frame) = sent.pop_front() {
            match self.copy(frame, tag) {
                Ok(copy) => run.push(copy),
                Err(reason) => {
                    self.lane.dropped(reason, 1);
                    self.done.push(frame);
                }
            }
        }
        beside(run, form, class);
    }

    /// To every member but the sender that may have the frames. A member without buffers misses them.
    fn flood_formed(
        &mut self,
        mut sent: NblQueue<'p>,
        class: &Class,
        audience: Audience<'_>,
    ) -> Result<(), Fault> {
        if let Some(storm) = &self.port.policy.storm {
            self.calm(storm, &mut sent);
        }
        self.lane.flooded(sent.len() as u64);
        let (mut bare, mut tagged) = (None, None);
        let mut receivers = 0;
        let network = self.network;
        let port = self.port;
        let members = network.members().iter();
        let members = members.filter(|member| is_other(member, port) && audience.has(member.port));
        for member in members {
            let Ok(form) = admit(self.port, member, network, class) else {
                continue;
            };
            receivers += 1;
            let frames = match (asked(form, class), form) {
                (None, _) => &mut sent,
                (Some(tag), Form::Tagged(_)) => {
                    tagged.get_or_insert_with(|| self.copies(&sent, tag))
                }
                (Some(tag), _) => bare.get_or_insert_with(|| self.copies(&sent, tag)),
            };
            beside(frames, form, class);
            if let Err(fault) = self.flood_to(member, frames) {
                self.done.append(&mut sent);
                return Err(fault);
            }
        }
        if receivers == 0 {
            self.lane.dropped(DropReason::NoReceiver, sent.len() as u64);
        }
        self.done.append(&mut sent);
        Ok(())
    }

    fn copies(&self, sent: &NblQueue<'p>, tag: Option<Tag>) -> NblQueue<'p> {
        let mut copies = NblQueue::new();
        for frame in sent.iter() {
            match self.copy(frame, tag) {
                Ok(copy) => copies.push(copy),
                Err(reason) => self.lane.dropped(reason, 1),
            }
        }
        copies
    }

    fn copy(&self, frame: Nbl<'p>, tag: Option<Tag>) -> Result<Nbl<'p>, DropReason> {
        let delivery = &self.delivery;
        retag(
            delivery.pool,
            delivery.blocks,
            frame,
            tag,
            delivery.offloads,
        )
    }
}

/// One frame of `class` in the form that a receiver wants. `has_work` says that work may be undone in it.
pub(crate) fn in_form<'p>(
    pool: &'p Pool,
    blocks: &BlockTable,
    frame: Nbl<'p>,
    form: Form,
    class: &Class,
    has_work: bool,
) -> Result<Nbl<'p>, DropReason> {
    match asked(form, class) {
        None => Ok(frame),
        Some(tag) => retag(pool, blocks, frame, tag, has_work),
    }
}

/// The frame with another outer tag or none.
fn retag<'p>(
    pool: &'p Pool,
    blocks: &BlockTable,
    frame: Nbl<'p>,
    tag: Option<Tag>,
    has_work: bool,
) -> Result<Nbl<'p>, DropReason> {
    // The frame that was judged may have been longer than this one.
    if tag.is_none() && Tag::of(frame.lookahead()).is_none() {
        return Err(DropReason::Runt);
    }
    let copy = pool.retagged(blocks, frame, tag).ok_or(DropReason::Runt)?;
    if has_work {
        Offload::follow(copy, frame).map_err(|_| DropReason::BadOffload)?;
    }
    Ok(copy)
}

/// Which outer tag a copy is to have, or that it is to have none, if the frame itself does not do.
fn asked(form: Form, class: &Class) -> Option<Option<Tag>> {
    match form {
        Form::AsSent => None,
        Form::Bare => class.tag.map(|_| None),
        Form::Tagged(tag) => Some(Some(tag)),
    }
}

/// Says beside the frames in which VLAN they are, if they do not say it themselves (T7).
fn beside(frames: &NblQueue<'_>, form: Form, class: &Class) {
    let info = match (form, class.vlan) {
        (Form::Bare, VlanId(vlan)) if vlan != 0 => class.own_tag().info(),
        _ => NDIS_NET_BUFFER_LIST_8021Q_INFO::zeroed(),
    };
    frames.iter().for_each(|frame| frame.set_vlan(info));
}
