//! What of other machines a diagnosis tells to who asks: what is kept names none, because who may see a
//! node may not see every other. Who may is the asker's permit to say.

use cupola_api::diagnosis::Diagnosis;
use cupola_api::event::{Event, EventKind};
use cupola_api::node::Node;

use super::causes;
use crate::store::{Store, StoreError};

/// What somebody may see.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    /// Whether machines of no node.
    pub(crate) unknown: bool,
    /// Whether this node.
    pub(crate) node: &'a (dyn Fn(&Node) -> bool + Sync),
}

impl Sight<'_> {
    /// Puts the machine that may be meant, and the nodes whose it may be, into the words of the cause.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn tell(
        self,
        store: &Store,
        diagnosis: &mut Diagnosis,
    ) -> Result<(), StoreError> {
        let Some(machine) = diagnosis.unknown.take() else {
            return Ok(());
        };
        let (mut named, mut hidden) = (Vec::new(), 0);
        for rival in &machine.rivals {
            match store.node_by_id(*rival).await {
                Ok(node) if (self.node)(&node) => {
                    let name = node.name.clone();
                    named.push(name.unwrap_or_else(|| node.uuid.to_string()));
                }
                Ok(_) | Err(StoreError::NotFound { .. }) => hidden += 1,
                Err(error) => return Err(error),
            }
        }
        let kept = causes::unknown_machine(None, &causes::unnamed(machine.rivals.len()));
        let mac = self.unknown.then_some(machine.mac);
        let told = causes::unknown_machine(mac, &causes::others(&named, hidden));
        for cause in diagnosis.causes.iter_mut().filter(|cause| **cause == kept) {
            cause.clone_from(&told);
        }
        Ok(())
    }

    /// The same for each diagnosis of a timeline.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub(crate) async fn tell_all(
        self,
        store: &Store,
        timeline: &mut [Event],
    ) -> Result<(), StoreError> {
        for event in timeline {
            if let EventKind::Diagnosis(diagnosis) = &mut event.kind {
                self.tell(store, diagnosis).await?;
            }
        }
        Ok(())
    }
}
