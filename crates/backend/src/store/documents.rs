//! Resources that are kept as one JSON document each, with columns for what must be unique or is
//! searched by. What is the same for all of them is here; what each one is kept by, in
//! [`tables`]. Nodes and ports, which are read most, have files of their own.

mod tables;

use cupola_api::collection::Member;
use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::database::{Cell, Row, Statement, assembled, is_taken_together};
use super::error::{Conflict, StoreError};

/// A resource with a table of its own, whose columns are `id`, `uuid`, `created_at`, `updated_at`,
/// `body` and those named here.
pub(crate) trait Document: Member {
    /// The table.
    const TABLE: &'static str;
    /// Its columns besides the common ones.
    const COLUMNS: &'static [&'static str];
    /// The columns, alone or together, of which no two rows have the same.
    const UNIQUE: &'static [&'static [&'static str]];
    /// For what the body is sealed, if it can hold secrets.
    const SEALED: Option<&'static str>;
    /// What refers to it and keeps it from being deleted.
    const REFERRED: Option<Referred>;

    /// The cells of [`Self::COLUMNS`].
    fn cells(&self) -> Vec<Cell>;

    /// What of it is in these columns, in the words of a refusal.
    fn taken(&self, columns: &[&str]) -> String;
}

/// Rows that refer to a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Referred {
    /// Their table, which is what they are called too.
    pub(crate) by: &'static str,
    /// The column with the document's UUID.
    pub(crate) column: &'static str,
}

/// A condition on documents.
#[derive(Clone, Debug)]
pub(crate) enum Only {
    /// This column holds this value.
    Is(&'static str, Cell),
    /// The node that it belongs to has one of these values in this column.
    OfNodesWith(&'static str, Vec<String>),
    /// The node that it belongs to is owned or leased by this project.
    OfNodesOf(String),
    /// This column holds nothing.
    Unset(&'static str),
    /// Its owner is this project.
    OwnedBy(String),
    /// Its owner is this project, or it is everybody's.
    OwnedByOrPublic(String),
}

impl Only {
    /// What belongs to nodes that this project owns or leases.
    pub(crate) fn of_nodes_of(project: &str) -> Self {
        Self::OfNodesOf(project.to_owned())
    }

    /// Whether it says what may be seen, and not only what is asked for: what belongs to one node, or
    /// to one project.
    pub(crate) fn is_scope(&self) -> bool {
        match self {
            Self::Is(column, _) => *column == "node_uuid",
            Self::OfNodesOf(_) | Self::OwnedBy(_) | Self::OwnedByOrPublic(_) => true,
            Self::OfNodesWith(..) | Self::Unset(_) => false,
        }
    }
}

/// A part of a list in the order of creation, or against it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Only what comes after this one.
    pub(crate) after: Option<Uuid>,
    /// Whether the newest comes first.
    pub(crate) descending: bool,
    /// At most so many.
    pub(crate) limit: usize,
}

/// The text after `WHERE`, and its arguments.
#[derive(Debug, Default)]
struct Where {
    parts: Vec<String>,
    arguments: Vec<Cell>,
}

impl Where {
    fn of(conditions: &[Only]) -> Self {
        let mut out = Self::default();
        for condition in conditions {
            match condition {
                Only::Is(column, cell) => {
                    let place = out.place(cell.clone());
                    out.parts.push(format!("{column} = {place}"));
                }
                Only::OfNodesOf(project) => {
                    let place = out.place(Cell::text(project));
                    out.parts.push(format!(
                        "node_uuid IN (SELECT uuid FROM nodes WHERE owner = {place} OR lessee = {place})"
                    ));
                }
                Only::Unset(column) => out.parts.push(format!("{column} IS NULL")),
                Only::OwnedBy(project) => {
                    let place = out.place(Cell::text(project));
                    out.parts.push(format!("owner = {place}"));
                }
                Only::OwnedByOrPublic(project) => {
                    let place = out.place(Cell::text(project));
                    out.parts.push(format!("(owner = {place} OR public = 1)"));
                }
                Only::OfNodesWith(column, values) => {
                    let places: Vec<_> = values.iter().map(|v| out.place(Cell::text(v))).collect();
                    let values = if places.is_empty() {
                        "NULL".to_owned()
                    } else {
                        places.join(", ")
                    };
                    out.parts.push(format!(
                        "node_uuid IN (SELECT uuid FROM nodes WHERE {column} IN ({values}))"
                    ));
                }
            }
        }
        out
    }

    fn place(&mut self, cell: Cell) -> String {
        self.arguments.push(cell);
        format!("${}", self.arguments.len())
    }

    fn text(&self) -> String {
        if self.parts.is_empty() {
            "1 = 1".to_owned()
        } else {
            self.parts.join(" AND ")
        }
    }
}

fn title<D: Document>() -> &'static str {
    D::COLLECTION.title
}

fn missing<D: Document>(id: Uuid) -> StoreError {
    StoreError::not_found(title::<D>(), id)
}

/// A refusal of the database in the words of the API.
pub(super) fn explained<D: Document>(error: StoreError, document: &D) -> StoreError {
    let columns = [&["uuid"] as &[&str]];
    let taken = D::UNIQUE
        .iter()
        .chain(&columns)
        .find(|columns| is_taken_together(&error, D::TABLE, columns));
    let Some(columns) = taken else {
        return error;
    };
    let what = if *columns == ["uuid"] {
        format!("UUID {}", document.uuid())
    } else {
        document.taken(columns)
    };
    let resource = title::<D>().to_lowercase();
    Conflict::Taken { resource, what }.into()
}

impl Store {
    pub(super) fn body_of<D: Document>(&self, document: &D) -> Result<Cell, StoreError> {
        let body = serde_json::to_string(document)
            .map_err(|error| StoreError::corrupt(D::TABLE, error))?;
        Ok(match D::SEALED {
            Some(place) => {
                let owner = document.uuid().to_string();
                Cell::text(self.sealer().seal(&body, &owner, place)?)
            }
            None => Cell::text(body),
        })
    }

    /// Reads a row of `uuid, body`.
    pub(super) fn read_document<D: Document>(&self, row: &Row) -> Result<D, StoreError> {
        let body = row.required_text(1)?;
        let read = match D::SEALED {
            Some(place) => {
                let owner = row.required_text(0)?;
                let plain = self.sealer().open_sealed(&body, &owner, place)?;
                serde_json::from_str(&plain)
            }
            None => serde_json::from_str(&body),
        };
        read.map_err(|error| StoreError::corrupt(format!("{}.body", D::TABLE), error))
    }

    /// Stores a new document; `created_at` is set here.
    ///
    /// # Errors
    /// [`Conflict::Taken`]; [`StoreError::NotFound`] when its node is unknown.
    pub(crate) async fn create_document<D: Document>(
        &self,
        mut document: D,
    ) -> Result<D, StoreError> {
        let now = Timestamp::now();
        document.set_created_at(now);
        let mut arguments = vec![
            Cell::text(document.uuid().to_string()),
            Cell::int(now.as_microsecond()),
            self.body_of(&document)?,
        ];
        arguments.extend(document.cells());
        let columns: String = D::COLUMNS.iter().map(|c| format!(", {c}")).collect();
        let places: Vec<_> = (1..=arguments.len()).map(|n| format!("${n}")).collect();
        let text = format!(
            "INSERT INTO {} (uuid, created_at, body{columns}) VALUES ({})",
            D::TABLE,
            places.join(", ")
        );
        let done = self.database().execute(assembled(text, arguments)).await;
        done.map_err(|error| explained(error, &document))?;
        Ok(document)
    }

    /// The document of this identifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub(crate) async fn document<D: Document>(&self, id: Uuid) -> Result<D, StoreError> {
        let is = Only::Is("uuid", Cell::text(id.to_string()));
        let found = self.documents(&[is]).await?;
        found.into_iter().next().ok_or_else(|| missing::<D>(id))
    }

    /// All documents under these conditions in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn documents<D: Document>(
        &self,
        conditions: &[Only],
    ) -> Result<Vec<D>, StoreError> {
        let condition = Where::of(conditions);
        let text = format!(
            "SELECT uuid, body FROM {} WHERE {} ORDER BY id",
            D::TABLE,
            condition.text()
        );
        let statement = assembled(text, condition.arguments);
        let rows = self.database().read(statement).await?;
        rows.iter().map(|row| self.read_document(row)).collect()
    }

    /// A part of the documents under these conditions.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the one to begin after is unknown.
    pub(crate) async fn document_page<D: Document>(
        &self,
        conditions: &[Only],
        window: Window,
    ) -> Result<Vec<D>, StoreError> {
        let (beyond, direction) = if window.descending {
            ("<", "DESC")
        } else {
            (">", "ASC")
        };
        let mut condition = Where::of(conditions);
        if let Some(marker) = window.after {
            let text = format!("SELECT id FROM {} WHERE uuid = $1", D::TABLE);
            let arguments = vec![Cell::text(marker.to_string())];
            let row = self.database().read_one(assembled(text, arguments)).await?;
            let row = row.ok_or_else(|| missing::<D>(marker))?;
            let place = condition.place(Cell::int(row.required_int(0)?));
            condition.parts.push(format!("id {beyond} {place}"));
        }
        let text = format!(
            "SELECT uuid, body FROM {} WHERE {} ORDER BY id {direction} LIMIT {}",
            D::TABLE,
            condition.text(),
            i64::try_from(window.limit).unwrap_or(i64::MAX)
        );
        let statement = assembled(text, condition.arguments);
        let rows = self.database().read(statement).await?;
        rows.iter().map(|row| self.read_document(row)).collect()
    }

    /// The statement that stores every field of a document.
    pub(super) fn saving<D: Document>(&self, document: &D) -> Result<Statement, StoreError> {
        let mut arguments = vec![
            Cell::text(document.uuid().to_string()),
            Cell::Int(document.updated_at().map(Timestamp::as_microsecond)),
            self.body_of(document)?,
        ];
        arguments.extend(document.cells());
        let columns: String = (4..)
            .zip(D::COLUMNS)
            .map(|(place, column)| format!(", {column} = ${place}"))
            .collect();
        let text = format!(
            "UPDATE {} SET updated_at = $2, body = $3{columns} WHERE uuid = $1",
            D::TABLE
        );
        Ok(assembled(text, arguments))
    }

    /// Stores every field of the document; `updated_at` is set here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict::Taken`].
    pub(crate) async fn save_document<D: Document>(
        &self,
        mut document: D,
    ) -> Result<D, StoreError> {
        document.set_updated_at(Timestamp::now());
        let statement = self.saving(&document)?;
        let changed = self.database().execute(statement).await;
        match changed.map_err(|error| explained(error, &document))? {
            0 => Err(missing::<D>(document.uuid())),
            _ => Ok(document),
        }
    }

    /// Deletes a document, unless something refers to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict::NotEmpty`].
    pub(crate) async fn delete_document<D: Document>(&self, id: Uuid) -> Result<(), StoreError> {
        let mut text = format!("DELETE FROM {} WHERE uuid = $1", D::TABLE);
        if let Some(Referred { by, column }) = D::REFERRED {
            text.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM {by} WHERE {column} = $1)"
            ));
        }
        let statement = assembled(text, vec![Cell::text(id.to_string())]);
        let deleted = match self.database().execute(statement).await {
            // One more refers to it since it was looked for: the database does not let it go.
            Err(StoreError::NotFound { .. }) => 0,
            other => other?,
        };
        match D::REFERRED {
            _ if deleted > 0 => Ok(()),
            None => Err(missing::<D>(id)),
            Some(Referred { by, .. }) => {
                self.document::<D>(id).await?;
                let resource = title::<D>().to_lowercase();
                let ident = id.to_string();
                let members = by;
                Err(Conflict::NotEmpty {
                    resource,
                    ident,
                    members,
                }
                .into())
            }
        }
    }
}
