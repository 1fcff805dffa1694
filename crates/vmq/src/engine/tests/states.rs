//! The documented table of states once more, through the engine itself: every event in every state.

use super::*;

/// What can happen to a queue.
const EVENTS: [&str; 13] = [
    "ALLOCATE_QUEUE",
    "QUEUE_PARAMETERS read",
    "QUEUE_PARAMETERS set",
    "SET_FILTER",
    "CLEAR_FILTER, last one",
    "CLEAR_FILTER, others remain",
    "ENUM_FILTERS",
    "PARAMETERS",
    "QUEUE_ALLOCATION_COMPLETE",
    "receive packet",
    "FREE_QUEUE",
    "DMA stopped",
    "resources freed",
];

/// The columns, and under each the state that follows; `-` is refused and changes nothing.
const TABLE: &str = "
    Undefined  Allocated  Set        Running    Paused     StopDma    Freeing
    Allocated  -          -          -          -          -          -
    -          Allocated  Set        Running    Paused     -          -
    -          Allocated  Set        Running    Paused     -          -
    -          Set        Set        Running    Running    -          -
    -          -          Allocated  Paused     -          -          -
    -          -          Set        Running    -          -          -
    -          Allocated  Set        Running    Paused     -          -
    -          -          Set        Running    -          -          -
    -          Paused     Running    -          -          -          -
    -          -          -          Running    -          -          -
    -          StopDma    -          -          StopDma    -          -
    -          -          -          -          -          Freeing    -
    -          -          -          -          -          -          Undefined
";

const QUEUE: QueueId = QueueId(1);

/// The queue in the state that a column says, with `filters` filters where it has any.
fn in_state(column: &str, filters: u8) -> Engine {
    let mut engine = engine();
    if column == "Undefined" {
        return engine;
    }
    assert_eq!(engine.allocated(), QUEUE);
    if column == "Set" || column == "Running" {
        for last in 1..=filters {
            engine.set_filter(ME, QUEUE, untagged(last)).unwrap();
        }
    }
    if column == "Running" || column == "Paused" {
        engine.complete_all(&[QUEUE]);
    }
    if column == "StopDma" || column == "Freeing" {
        engine.free_queue(ME, QUEUE).unwrap();
    }
    if column == "Freeing" {
        engine.dma_stopped(QUEUE).unwrap();
    }
    engine
}

/// The state that the engine keeps inside.
fn state(engine: &Engine) -> String {
    engine
        .find(QUEUE)
        .map_or("Undefined".into(), |queue| format!("{:?}", queue.state()))
}

/// Lets `event` happen; whether the engine took it.
fn happens(engine: &mut Engine, event: &str) -> bool {
    let first = FilterId(1);
    match event {
        "ALLOCATE_QUEUE" => {
            let parameters = AllocateQueue {
                id: Some(QUEUE),
                ..queue_named("q")
            };
            engine.allocate_queue(ME, parameters).is_ok()
        }
        "QUEUE_PARAMETERS read" => engine.queue(QUEUE).is_ok(),
        "QUEUE_PARAMETERS set" => engine
            .change_queue(ME, QUEUE, QueueChange::default())
            .is_ok(),
        "SET_FILTER" => engine.set_filter(ME, QUEUE, untagged(9)).is_ok(),
        "CLEAR_FILTER, last one" | "CLEAR_FILTER, others remain" => {
            engine.clear_filter(ME, QUEUE, first).is_ok()
        }
        "ENUM_FILTERS" => engine.filters(QUEUE).is_ok(),
        "PARAMETERS" => engine.filter(first).is_ok(),
        "QUEUE_ALLOCATION_COMPLETE" => engine.complete_all(&[QUEUE])[0].1 == NdisStatus::SUCCESS,
        "receive packet" => engine.owner(UNTAGGED, 1) == Some(QUEUE),
        "FREE_QUEUE" => engine.free_queue(ME, QUEUE).is_ok(),
        "DMA stopped" => engine.dma_stopped(QUEUE).is_ok(),
        "resources freed" => engine.resources_freed(QUEUE).is_ok(),
        _ => panic!("{event}"),
    }
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    let mut rows = TABLE
        .trim()
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let columns = rows.next().unwrap();
    let mut cells = 0;
    for (event, row) in EVENTS.iter().zip(rows) {
        for (column, expected) in columns.iter().zip(row) {
            let mut engine = in_state(column, if event.ends_with("remain") { 2 } else { 1 });
            assert_eq!(state(&engine), *column);
            let (table, reported) = (engine.table(), engine.state(QUEUE));
            let is_taken = happens(&mut engine, event);
            let after = if expected == "-" { column } else { expected };
            assert_eq!(
                (is_taken, state(&engine).as_str()),
                (expected != "-", after),
                "{event} in {column}"
            );
            if !is_taken {
                assert!(
                    Arc::ptr_eq(&table, &engine.table()),
                    "{event} in {column} left a trace"
                );
                assert_eq!(engine.state(QUEUE), reported);
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 13 * 7);
}

/// Q11, with the choices that NDIS leaves open.
#[test]
fn q11_four_states_are_reported() {
    let columns = [
        "Undefined",
        "Allocated",
        "Set",
        "Running",
        "Paused",
        "StopDma",
        "Freeing",
    ];
    use OperationalState::*;
    let reported = columns.map(|column| in_state(column, 1).state(QUEUE));
    assert_eq!(
        reported,
        [
            Undefined, Paused, Paused, Running, Paused, Paused, DmaStopped
        ]
    );
}
