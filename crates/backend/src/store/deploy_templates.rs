//! Deploy templates. Their steps may hold secrets, so that they are sealed as a whole.

use cupola_api::deploy_template::DeployTemplate;
use cupola_api::id::DeployTemplateId;
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, is_taken, sql};
use super::error::{Conflict, StoreError};

const SEALED: &str = "deploy_templates.body";

fn conflict(error: StoreError, template: &DeployTemplate) -> StoreError {
    if is_taken(&error, "deploy_templates", "uuid") {
        Conflict::DeployTemplateUuid(template.uuid.to_string()).into()
    } else if is_taken(&error, "deploy_templates", "name") {
        Conflict::DeployTemplateName(template.name.clone()).into()
    } else {
        error
    }
}

impl Store {
    fn seal_template(&self, template: &DeployTemplate) -> Result<Cell, StoreError> {
        let body =
            serde_json::to_string(template).map_err(|error| StoreError::corrupt(SEALED, error))?;
        let owner = template.uuid.to_string();
        Ok(Cell::text(self.sealer().seal(&body, &owner, SEALED)?))
    }

    fn open_template(&self, row: &Row) -> Result<DeployTemplate, StoreError> {
        let body =
            self.sealer()
                .open_sealed(&row.required_text(1)?, &row.required_text(0)?, SEALED)?;
        serde_json::from_str(&body).map_err(|error| StoreError::corrupt(SEALED, error))
    }

    /// Stores a new template; `created_at` is set here.
    ///
    /// # Errors
    /// [`Conflict`] when its UUID or name is taken.
    pub async fn create_deploy_template(
        &self,
        mut template: DeployTemplate,
    ) -> Result<DeployTemplate, StoreError> {
        let now = Timestamp::now();
        template.created_at = Some(now);
        let statement = sql(
            "INSERT INTO deploy_templates (uuid, name, created_at, body) VALUES ($1, $2, $3, $4)",
            [
                Cell::text(template.uuid.to_string()),
                Cell::text(&template.name),
                Cell::int(now.as_microsecond()),
                self.seal_template(&template)?,
            ],
        );
        let done = self.database().execute(statement).await;
        done.map_err(|error| conflict(error, &template))?;
        Ok(template)
    }

    /// All templates in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deploy_templates(&self) -> Result<Vec<DeployTemplate>, StoreError> {
        let statement = sql("SELECT uuid, body FROM deploy_templates ORDER BY id", []);
        let rows = self.database().read(statement).await?;
        rows.iter().map(|row| self.open_template(row)).collect()
    }

    /// The template of this UUID or name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn deploy_template(&self, ident: &str) -> Result<DeployTemplate, StoreError> {
        // A UUID is compared as it is written down, a name as it is given.
        let uuid = ident
            .parse()
            .map_or_else(|_| ident.to_owned(), |id: DeployTemplateId| id.to_string());
        let statement = sql(
            "SELECT uuid, body FROM deploy_templates WHERE uuid = $1 OR name = $2",
            [Cell::text(uuid), Cell::text(ident)],
        );
        let row = self.database().read_one(statement).await?;
        self.open_template(&row.ok_or_else(|| StoreError::not_found("Deploy template", ident))?)
    }

    /// Stores every field of the template; `updated_at` is set here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict`] when its name is taken.
    pub async fn save_deploy_template(
        &self,
        mut template: DeployTemplate,
    ) -> Result<DeployTemplate, StoreError> {
        let now = Timestamp::now();
        template.updated_at = Some(now);
        let statement = sql(
            "UPDATE deploy_templates SET name = $1, updated_at = $2, body = $3 WHERE uuid = $4",
            [
                Cell::text(&template.name),
                Cell::int(now.as_microsecond()),
                self.seal_template(&template)?,
                Cell::text(template.uuid.to_string()),
            ],
        );
        let changed = self.database().execute(statement).await;
        match changed.map_err(|error| conflict(error, &template))? {
            0 => Err(StoreError::not_found("Deploy template", template.uuid)),
            _ => Ok(template),
        }
    }

    /// Deletes a template.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_deploy_template(&self, id: DeployTemplateId) -> Result<(), StoreError> {
        let statement = sql(
            "DELETE FROM deploy_templates WHERE uuid = $1",
            [Cell::text(id.to_string())],
        );
        match self.database().execute(statement).await? {
            0 => Err(StoreError::not_found("Deploy template", id)),
            _ => Ok(()),
        }
    }
}
