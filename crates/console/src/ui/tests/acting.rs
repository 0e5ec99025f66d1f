//! Acting on several nodes: the preview, a run, the runs, the log of commands, the steps.

use cupola_api::state::provision::ProvisionState;

use super::*;
use crate::effect::Effect;
use crate::event::{Accepted, Refusal};

/// A fleet of which some can be provided.
fn rack(columns: u16, rows: u16) -> State {
    let mut state = state(columns, rows, 0);
    let nodes = (1..=9).map(|n| {
        let at = if n == 4 { S::Active } else { S::Manageable };
        let mut node = summary(n, &format!("rack{}-u0{n}", n % 2 + 1), at);
        node.power_state = Some(if n % 3 == 0 {
            PowerState::Off
        } else {
            PowerState::On
        });
        node.maintenance = n == 7;
        node
    });
    let nodes = nodes.collect();
    update(
        &mut state,
        Event::Live(Live::Listed {
            nodes,
            server: crate::state::link::Server::Cupola,
        }),
    );
    state.shell.url = "http://bmc-lab:6385".to_owned();
    state
}

/// All that is sent is answered: the second is refused, the third fails, the others get there.
fn answered(state: &mut State, effects: Vec<Effect>) {
    let acts = effects.into_iter().filter_map(|effect| match effect {
        Effect::Act(id, action) => Some((id, action)),
        _ => None,
    });
    for (n, (id, action)) in acts.enumerate() {
        state.now = state
            .now
            .checked_add(jiff::SignedDuration::from_secs(1))
            .expect("a time");
        let refusal = Refusal {
            why: "Node is locked by host conductor-1, please retry".to_owned(),
            reached: true,
        };
        let answer = if n == 1 {
            Err(refusal)
        } else {
            Ok(Accepted::default())
        };
        update(state, Event::Reply(Reply::Acted(id, action, answer)));
        let mut node = state.fleet.get(id).expect("it is there").clone();
        node.provision_updated_at = Some(state.now);
        node.provision_state = match n {
            2 => ProvisionState::CleanFailed,
            3 | 4 => ProvisionState::Cleaning,
            _ => ProvisionState::Available,
        };
        node.last_error = (n == 2).then(|| "Timeout: the ramdisk did not call".to_owned());
        let changes = crate::event::Changes {
            nodes: vec![node],
            ..Default::default()
        };
        update(state, Event::Live(Live::Changed(changes)));
    }
}

#[test]
fn a_run_from_its_preview_to_its_results() {
    for (columns, rows) in [(80, 24), (200, 60), (40, 10)] {
        let mut state = rack(columns, rows);
        press(&mut state, "*:provide<enter>");
        snapshot!(format!("preview-{columns}x{rows}"), &mut state);
        let effects = press(&mut state, "<enter>");
        answered(&mut state, effects);
        snapshot!(format!("run-{columns}x{rows}"), &mut state);
        press(&mut state, "R");
        snapshot!(format!("runs-{columns}x{rows}"), &mut state);
        press(&mut state, "<esc>@");
        snapshot!(format!("commands-{columns}x{rows}"), &mut state);
    }
}

#[test]
fn what_destroys_many() {
    let mut state = rack(80, 24);
    state.safety.guarded = Some("prod".to_owned());
    press(&mut state, "*:power-off<enter>c<enter>9");
    snapshot!("challenge-80x24", &mut state);
    press(&mut state, "<tab><enter>");
    snapshot!("grace-80x24", &mut state);
    press(&mut state, "<esc><esc>a");
    snapshot!("more-80x24", &mut state);
    press(&mut state, "<esc>:clean rack1-u02<enter>");
    snapshot!("steps-80x24", &mut state);
}
