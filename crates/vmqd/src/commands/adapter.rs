//! `vmq adapter show`: what the switch is to virtual machine queues, with the columns of `Get-NetAdapterVmq`.
//!
//! A network is what an adapter is to NDIS: it has filters and queue ids of its own. All networks are served by the same
//! workers.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::look::processor;
use super::{print_json, status_of};
use crate::cli::AdapterCommand;
use crate::control::StatusView;
use crate::failure::Failure;
use crate::output::{Align, Cell, GOOD, Table};

#[derive(Debug, PartialEq, Serialize)]
struct Adapter<'a> {
    name: &'a str,
    interface_description: String,
    /// It is while the switch runs.
    enabled: bool,
    /// `group:number` of the first worker's processor; any if it is pinned to none.
    base_vmq_processor: String,
    max_processors: usize,
    number_of_receive_queues: usize,
}

/// Asks the switch and prints its adapters.
pub(crate) fn run(command: &AdapterCommand) -> Result<(), Failure> {
    let AdapterCommand::Show(show) = command;
    let status = status_of(&show.reach)?;
    let adapters = adapters(&status);
    let mut out = anstream::stdout().lock();
    if show.json {
        print_json(&mut out, &BTreeMap::from([("adapters", &adapters)]))?;
    } else {
        write(&adapters, &mut out)?;
    }
    Ok(out.flush()?)
}

fn adapters(status: &StatusView) -> Vec<Adapter<'_>> {
    let first = status.workers.first().and_then(|worker| worker.cpu);
    let base = processor(first);
    let networks = status.networks.iter();
    networks
        .map(|network| Adapter {
            name: &network.name,
            interface_description: format!("vmq {} switch, process {}", status.version, status.pid),
            enabled: true,
            base_vmq_processor: base.clone(),
            max_processors: status.workers.len(),
            // The default queue is always there (Q1).
            number_of_receive_queues: network.ports + 1,
        })
        .collect()
}

fn write(adapters: &[Adapter<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("NAME", Align::Left),
        ("INTERFACEDESCRIPTION", Align::Left),
        ("ENABLED", Align::Left),
        ("BASEVMQPROCESSOR", Align::Left),
        ("MAXPROCESSORS", Align::Right),
        ("NUMBEROFRECEIVEQUEUES", Align::Right),
    ]);
    for adapter in adapters {
        table.push([
            adapter.name.into(),
            adapter.interface_description.as_str().into(),
            Cell::styled("True", GOOD),
            adapter.base_vmq_processor.as_str().into(),
            adapter.max_processors.to_string().into(),
            adapter.number_of_receive_queues.to_string().into(),
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::tests::example;

    #[test]
    fn a_network_is_an_adapter_with_the_columns_of_windows() {
        let status = example();
        let mut out = anstream::StripStream::new(Vec::new());
        write(&adapters(&status), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out.into_inner()).unwrap(),
            "\
NAME     INTERFACEDESCRIPTION            ENABLED  BASEVMQPROCESSOR  MAXPROCESSORS  NUMBEROFRECEIVEQUEUES
default  vmq 0.1.0 switch, process 4711  True     0:2                           2                      3
lab      vmq 0.1.0 switch, process 4711  True     0:2                           2                      1
"
        );
    }
}
