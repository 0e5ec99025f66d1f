//! What the agent's tests share: a conductor that answers as the API does, a machine made of sparse
//! files, and images made with the usual tools. It asserts nothing about the agent.

pub(crate) mod conductor;
pub(crate) mod image;
pub(crate) mod machine;
