//! How a row of the table of operations is written, and what is made of all of them. The rows are in
//! [`super::operation`].

/// Makes the operations and their routes of one table. A row is the operation, its method and path,
/// the minor version that brought it, what older ones get, its policy, its arguments,
/// its body and its answer, and what it does.
macro_rules! operations {
    ($($name:ident: $method:ident $path:literal, $since:literal, $older:ident, $policy:literal,
       [$($group:ident),*], $body:expr => $answer:expr, $summary:literal;)*) => {
        /// What a client can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $(#[doc = $summary] $name,)*
        }

        impl Operation {
            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => $summary,)*
                }
            }
        }

        /// All routes.
        pub const ROUTES: &[Route] = &[
            $(Route {
                operation: Operation::$name,
                method: Method::$method,
                path: $path,
                since: Microversion::new($since),
                older: Older::$older,
                policy: $policy,
                arguments: &[$(arguments::$group),*],
                body: $body,
                answer: $answer,
            },)*
        ];
    };
}

pub(super) use operations;
