use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn first_byte(window: Window<'_>) -> u8 {
    let mut byte = [0];
    assert_eq!(window.read(&mut byte), 1);
    byte[0]
}

/// 256 bytes that say their own offset.
fn numbered() -> Arc<Mapping> {
    let mapping = Mapping::anonymous(256).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    mapping.window(0, 256).unwrap().write(&bytes);
    mapping
}

#[test]
fn a_handle_finds_the_bytes_it_was_given_for() {
    let mapping = numbered();
    let mut registry = BlockRegistry::new();
    let [low, high] =
        [(10, 20), (200, 56)].map(|(offset, len)| registry.register(&mapping, offset, len)[0]);
    let table = registry.snapshot();
    assert_eq!(first_byte(table.window(low, 0, 20).unwrap()), 10);
    assert_eq!(first_byte(table.window(low, 19, 1).unwrap()), 29);
    assert_eq!(first_byte(table.window(high, 55, 1).unwrap()), 255);
    assert_eq!(table.window(low, 5, 7).unwrap().len(), 7);
}

/// B4: offset and length stay inside the block, whatever their sum.
#[test]
fn a_segment_that_leaves_its_block_is_refused() {
    let mapping = numbered();
    let mut registry = BlockRegistry::new();
    let handle = registry.register(&mapping, 10, 20)[0];
    let table = registry.snapshot();
    assert!(table.window(handle, 20, 0).unwrap().is_empty());
    for (offset, len) in [
        (0, 21),
        (20, 1),
        (21, 0),
        (1, u32::MAX),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
        (u32::MAX, 0),
    ] {
        let refused = table.window(handle, offset, len).map(Window::len);
        assert_eq!(refused, Err(BlockError::OutOfRange), "{len} from {offset}");
    }
}

/// `SharedMemoryOffset` is an ULONG.
#[test]
fn more_than_four_gigabytes_are_several_blocks() {
    let len = 2 * MAX_BLOCK + 4096;
    let file = crate::memfd("shmem-test-large", len).unwrap();
    let mapping = Mapping::map(std::os::fd::AsFd::as_fd(&file), 0, len).unwrap();
    let mut registry = BlockRegistry::new();
    let handles = registry.register(&mapping, 0, len);
    assert_eq!(handles.len(), 3);
    let table = registry.snapshot();
    for (index, handle) in handles.iter().enumerate() {
        let place = mapping.window(index as u64 * MAX_BLOCK, 1).unwrap();
        place.write(&[index as u8 + 1]);
        assert_eq!(
            first_byte(table.window(*handle, 0, 1).unwrap()),
            index as u8 + 1
        );
    }
    mapping.window(MAX_BLOCK - 1, 1).unwrap().write(&[9]);
    assert_eq!(
        first_byte(table.window(handles[0], u32::MAX, 1).unwrap()),
        9
    );
    let beyond = table.window(handles[0], u32::MAX, 2).map(Window::len);
    assert_eq!(beyond, Err(BlockError::OutOfRange));
    assert_eq!(
        table.window(handles[1], 1, u32::MAX).unwrap().len(),
        u32::MAX as usize
    );
    let beyond = table.window(handles[2], 4096, 1).map(Window::len);
    assert_eq!(beyond, Err(BlockError::OutOfRange));
}

#[test]
fn a_range_outside_its_mapping_gets_no_handles() {
    let mapping = numbered();
    let mut registry = BlockRegistry::new();
    for (offset, len) in [
        (0, 257),
        (256, 1),
        (u64::MAX, 1),
        (1, u64::MAX),
        (0, 0),
        (7, 0),
        (257, 0),
    ] {
        assert_eq!(
            registry.register(&mapping, offset, len),
            [],
            "{len} from {offset}"
        );
    }
    assert_eq!(registry.snapshot().mappings.len(), 0);
}

#[test]
fn more_blocks_than_slots_are_refused_and_nothing_is_registered() {
    let len = MAX_SLOTS as u64 + 1;
    let mapping = Mapping::anonymous(len as usize).unwrap();
    let mut registry = BlockRegistry::with_max_block(1);
    assert_eq!(registry.register(&mapping, 0, len), []);
    assert_eq!(registry.register(&mapping, 0, 1).len(), 1);
    assert_eq!(registry.register(&mapping, 0, len - 1), []);
    assert_eq!(registry.register(&mapping, 0, len - 2).len(), MAX_SLOTS - 1);
    assert_eq!(registry.register(&mapping, 0, 1), []);
}

#[test]
fn a_table_keeps_its_blocks_when_the_registry_forgets_them() {
    let mut registry = BlockRegistry::new();
    let handle = registry.register(&numbered(), 0, 256)[0];
    let before = registry.snapshot();
    assert!(registry.remove(handle));
    assert!(!registry.remove(handle));
    drop(registry);
    assert_eq!(first_byte(before.window(handle, 77, 1).unwrap()), 77);
}

#[test]
fn a_slot_is_used_again_under_another_name() {
    let mapping = numbered();
    let mut registry = BlockRegistry::new();
    let mut names = HashSet::new();
    for _ in 0..1000 {
        let handle = registry.register(&mapping, 0, 1)[0];
        assert!(names.insert(handle) && registry.remove(handle));
    }
    assert_eq!(registry.snapshot().entries.len(), 1);
}

#[test]
fn a_handle_is_never_zero_and_survives_its_bits() {
    let mapping = numbered();
    let mut registry = BlockRegistry::new();
    let handle = registry.register(&mapping, 0, 1)[0];
    assert_eq!(Handle::from_bits(handle.to_bits()), Some(handle));
    assert_eq!(Handle::from_bits(0), None);
    assert_eq!(size_of::<Option<Handle>>(), 8);
}

#[test]
fn generations_end_before_they_would_repeat() {
    assert_eq!(take_generations(MAX_GENERATION + 1), None);
    assert_eq!(take_generations(u64::MAX), None);
    let some = take_generations(2).unwrap();
    let more = take_generations(1).unwrap();
    assert!(some.start >= 1 && some.end <= more.start);
}

/// What is done to a registry, with places in lists to be taken modulo their length.
#[derive(Clone, Debug)]
enum Step {
    Register { offset: u64, len: u64 },
    RegisterElsewhere,
    Remove(usize),
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..250_u64, 1..60_u64).prop_map(|(offset, len)| Step::Register { offset, len }),
        1 => Just(Step::RegisterElsewhere),
        3 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::Snapshot),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Against a model that never reuses anything: a handle resolves exactly in the tables taken between its registration
    /// and its removal, to exactly its bytes; handles of another registry and invented ones never do.
    #[test]
    fn stale_and_foreign_handles_are_always_refused(
        steps in steps(),
        invented in prop::collection::vec(any::<u64>(), 8),
        offset in 0..40_u32,
        len in 1..40_u32,
    ) {
        const MAX: u64 = 16;
        let mapping = numbered();
        let (mut registry, mut elsewhere) = (BlockRegistry::with_max_block(MAX), BlockRegistry::with_max_block(MAX));
        // Every handle ever given, with its bytes and whether it is in force.
        let mut given: Vec<(Handle, u64, u64, bool)> = Vec::new();
        let mut foreign = Vec::new();
        let mut tables = Vec::new();
        for step in steps {
            match step {
                Step::Register { offset, len } => {
                    let handles = registry.register(&mapping, offset, len);
                    let expected = if offset + len > 256 { 0 } else { len.div_ceil(MAX) };
                    prop_assert_eq!(handles.len() as u64, expected);
                    for (at, handle) in (0..).step_by(MAX as usize).zip(handles) {
                        given.push((handle, offset + at, MAX.min(len - at), true));
                    }
                }
                Step::RegisterElsewhere => foreign.extend(elsewhere.register(&mapping, 0, 40)),
                Step::Remove(_) if given.is_empty() => {}
                Step::Remove(which) => {
                    let index = which % given.len();
                    let known = &mut given[index];
                    prop_assert_eq!(registry.remove(known.0), known.3);
                    known.3 = false;
                }
                Step::Snapshot => tables.push((registry.snapshot(), given.clone())),
            }
        }
        tables.push((registry.snapshot(), given.clone()));
        let distinct: HashSet<Handle> = given.iter().map(|known| known.0).chain(foreign.iter().copied()).collect();
        prop_assert_eq!(distinct.len(), given.len() + foreign.len());
        for (table, then) in &tables {
            let in_force = |handle: Handle| then.iter().find(|known| known.0 == handle && known.3);
            let invented = invented.iter().filter_map(|bits| Handle::from_bits(*bits));
            let handles = given.iter().map(|known| known.0).chain(foreign.iter().copied()).chain(invented);
            for handle in handles {
                let found = table.window(handle, offset, len);
                match in_force(handle) {
                    None => prop_assert_eq!(found.map(Window::len), Err(BlockError::Stale)),
                    Some((_, at, block, _)) if u64::from(offset + len) <= *block => {
                        let window = found.unwrap();
                        prop_assert_eq!(window.len(), len as usize);
                        prop_assert_eq!(u64::from(first_byte(window)), at + u64::from(offset));
                    }
                    Some(_) => prop_assert_eq!(found.map(Window::len), Err(BlockError::OutOfRange)),
                }
            }
        }
        for handle in foreign {
            prop_assert!(!registry.remove(handle));
        }
    }
}
