//! The differential test: the same requests to upstream Ironic and to Cupola, and what is not the
//! same in their answers.
//!
//! [`script`] says what is asked, [`run`] asks both peers, [`compare`] finds the differences,
//! [`explained`] holds those that are meant, [`known`] those that are still open. Nothing here
//! decides what the API should be: upstream does.

pub mod case;
pub mod compare;
pub mod docs;
pub mod explained;
pub mod glob;
pub mod known;
pub mod normal;
pub mod peer;
pub mod placeholder;
pub mod recording;
pub mod report;
pub mod run;
pub mod script;
