//! Workflow definitions: their rows and reading them.

use async_trait::async_trait;
use domain::{
    ids::{PlanHash, WorkflowId},
    page::{Cursor, Page, PageRequest, SortOrder},
    ports::{StoreError, Workflows},
    workflows::{
        ChangeSummary, ExecutableVersion, WorkflowDefinition, WorkflowDocument, WorkflowFilter, WorkflowName,
        WorkflowSort, WorkflowStatus,
    },
};
use rusqlite::{Connection, Row, named_params, params, params_from_iter};

use crate::{
    SqliteStore,
    codec::{all, count, first, micros, parsed, plan_hash, signed, small, sound, text, time, uuid},
    failure::{Failure, Outcome},
    lists::{Conditions, Id, direction},
};

const WORKFLOW: &str = "id, head_id, name, version, description, document, plan, status, revision, created_at,
    updated_at, created_by, updated_by, change_summary";

const VALUES: &str = ":id, :head_id, :name, :version, :description, :document, :plan, :status, :revision, :created_at,
    :updated_at, :created_by, :updated_by, :change_summary";

#[async_trait]
impl Workflows for SqliteStore {
    async fn get(&self, id: WorkflowId) -> Result<Option<WorkflowDefinition>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {WORKFLOW} FROM workflow_definitions WHERE id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], workflow)
        };
        self.readers().read(read).await
    }

    async fn executable(&self, id: WorkflowId, version: Option<u32>) -> Result<Option<ExecutableVersion>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = concat!(include_str!("sql/addressed_by_id.sql"), include_str!("sql/executable_version.sql"));
            first(&mut *connection.prepare_cached(sql)?, params![id.uuid().as_bytes(), version], executable)
        };
        self.readers().read(read).await
    }

    async fn executable_named(
        &self,
        name: &WorkflowName,
        version: Option<u32>,
    ) -> Result<Option<ExecutableVersion>, StoreError> {
        let name = name.clone();
        let read = move |connection: &Connection| {
            let sql = concat!(include_str!("sql/addressed_by_name.sql"), include_str!("sql/executable_version.sql"));
            first(&mut *connection.prepare_cached(sql)?, params![name.as_str(), version], executable)
        };
        self.readers().read(read).await
    }

    async fn head(&self, name: &WorkflowName) -> Result<Option<WorkflowDefinition>, StoreError> {
        let name = name.clone();
        let read = move |connection: &Connection| {
            let sql = format!(
                "SELECT {WORKFLOW} FROM workflow_definitions WHERE name = ?1 AND id = head_id
                 ORDER BY version DESC LIMIT 1"
            );
            first(&mut *connection.prepare_cached(&sql)?, [name.as_str()], workflow)
        };
        self.readers().read(read).await
    }

    async fn list(
        &self,
        filter: &WorkflowFilter,
        sort: WorkflowSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        let by = [column(sort), "id"];
        self.page(heads(filter), by, order, page, move |head| head.cursor(sort)).await
    }

    async fn version(&self, head: WorkflowId, number: u32) -> Result<Option<WorkflowDefinition>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {WORKFLOW} FROM workflow_definitions WHERE head_id = ?1 AND version = ?2");
            first(&mut *connection.prepare_cached(&sql)?, params![head.uuid().as_bytes(), number], workflow)
        };
        self.readers().read(read).await
    }

    async fn versions(&self, head: WorkflowId, page: PageRequest) -> Result<Page<WorkflowDefinition>, StoreError> {
        let mut chain = Conditions::default();
        chain.add("head_id = ?", head.uuid().as_bytes().to_vec());
        let by = ["version", "head_id"];
        self.page(chain, by, SortOrder::Descending, page, WorkflowDefinition::version_cursor).await
    }

    async fn plan(&self, hash: PlanHash) -> Result<Option<WorkflowDocument>, StoreError> {
        let read = move |connection: &Connection| {
            let mut select = connection.prepare_cached("SELECT document FROM plans WHERE hash = ?1")?;
            first(&mut select, [hash.bytes()], |row| document(row, 0))
        };
        self.readers().read(read).await
    }
}

impl SqliteStore {
    async fn page(
        &self,
        conditions: Conditions,
        by: [&'static str; 2],
        order: SortOrder,
        page: PageRequest,
        cursor: impl FnOnce(&WorkflowDefinition) -> Cursor + Send + 'static,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        let read = move |connection: &Connection| {
            let following = conditions.after(&page, by, order, Id::Uuid)?;
            let (wanted, direction, [value, id]) = (following.sql(), direction(order), by);
            let sql = format!(
                "SELECT {WORKFLOW} FROM workflow_definitions{wanted}
                 ORDER BY {value} {direction}, {id} {direction} LIMIT ? OFFSET ?"
            );
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, workflow)?;
            let total = conditions.total(connection, &page, "workflow_definitions", "rowid")?;
            Ok(Page::of(found, &page, total, cursor))
        };
        self.readers().read(read).await
    }
}

fn column(sort: WorkflowSort) -> &'static str {
    match sort {
        WorkflowSort::CreatedAt => "created_at",
        WorkflowSort::UpdatedAt => "updated_at",
        WorkflowSort::Name => "name",
    }
}

/// The translation of [`WorkflowFilter::matches`].
fn heads(filter: &WorkflowFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add_bare("id = head_id");
    if let Some(name) = &filter.name {
        conditions.add("name = ?", name.clone());
    }
    if let Some(part) = &filter.name_contains {
        conditions.add_part("name", part);
    }
    match filter.status {
        Some(status) => conditions.add("status = ?", status.as_str().to_owned()),
        None => conditions.add_bare("status <> 'deleted'"),
    }
    conditions
}

/// Adds a row; a taken id, or a taken name and version, violate a constraint.
pub(crate) fn insert(connection: &Connection, workflow: &WorkflowDefinition) -> Outcome<usize> {
    write(connection, &format!("INSERT INTO workflow_definitions ({WORKFLOW}) VALUES ({VALUES})"), workflow)
}

/// Replaces the row of the revision before, if it is there.
pub(crate) fn update(connection: &Connection, workflow: &WorkflowDefinition) -> Outcome<usize> {
    let sql = format!(
        "UPDATE workflow_definitions SET ({WORKFLOW}) = ({VALUES}) WHERE id = :id AND revision = :revision - 1"
    );
    write(connection, &sql, workflow)
}

fn write(connection: &Connection, sql: &str, workflow: &WorkflowDefinition) -> Outcome<usize> {
    let values = named_params! {
        ":id": workflow.id.uuid().into_bytes(),
        ":head_id": workflow.head.uuid().into_bytes(),
        ":name": workflow.name.as_str(),
        ":version": workflow.version,
        ":description": workflow.description,
        ":document": document_text(&workflow.document)?,
        ":plan": workflow.plan.bytes(),
        ":status": workflow.status.as_str(),
        ":revision": signed(workflow.revision)?,
        ":created_at": micros(workflow.created_at),
        ":updated_at": micros(workflow.updated_at),
        ":created_by": workflow.created_by,
        ":updated_by": workflow.updated_by,
        ":change_summary": workflow.change_summary.as_ref().map(ChangeSummary::as_str),
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

pub(crate) fn document_text(document: &WorkflowDocument) -> Outcome<String> {
    serde_json::to_string(document).map_err(|error| Failure::Unstorable(error.to_string()))
}

fn document(row: &Row<'_>, column: usize) -> Outcome<WorkflowDocument> {
    parsed("workflow document", serde_json::from_str(text(row, column)?))
}

fn executable(row: &Row<'_>) -> Outcome<ExecutableVersion> {
    Ok(ExecutableVersion {
        id: WorkflowId::new(uuid(row, 0)?),
        head: WorkflowId::new(uuid(row, 1)?),
        name: sound("workflow's name", WorkflowName::parse(text(row, 2)?))?,
        version: small(row, 3)?,
        plan: plan_hash(row, 4)?,
        status: status(row, 5)?,
        head_status: status(row, 6)?,
    })
}

fn summary(text: &str) -> Outcome<ChangeSummary> {
    sound("change summary", ChangeSummary::parse(text))
}

fn status(row: &Row<'_>, column: usize) -> Outcome<WorkflowStatus> {
    sound("status", WorkflowStatus::parse(text(row, column)?))
}

fn workflow(row: &Row<'_>) -> Outcome<WorkflowDefinition> {
    Ok(WorkflowDefinition {
        id: WorkflowId::new(uuid(row, 0)?),
        head: WorkflowId::new(uuid(row, 1)?),
        name: sound("workflow's name", WorkflowName::parse(text(row, 2)?))?,
        version: small(row, 3)?,
        description: row.get(4)?,
        document: document(row, 5)?,
        plan: plan_hash(row, 6)?,
        status: status(row, 7)?,
        revision: count(row, 8)?,
        created_at: time(row, 9)?,
        updated_at: time(row, 10)?,
        created_by: row.get(11)?,
        updated_by: row.get(12)?,
        change_summary: row.get::<_, Option<String>>(13)?.map(|text| summary(&text)).transpose()?,
    })
}
