//! Workflow definitions: their rows and reading them.

use async_trait::async_trait;
use domain::{
    ids::{PlanHash, WorkflowId},
    page::{Cursor, Page, PageRequest, SortOrder},
    ports::{NoSchemas, StoreError, Workflows},
    workflows::{
        ChangeSummary, ExecutableVersion, WorkflowDefinition, WorkflowDocument, WorkflowFilter, WorkflowName,
        WorkflowSort, WorkflowStatus, compile,
    },
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, Select,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, parsed, plan_hash, signed, signed_small, small, sound},
    entities::{plan, workflow},
    exact::beyond_jsonb,
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
};

#[async_trait]
impl Workflows for PgStore {
    async fn get(&self, id: WorkflowId) -> Result<Option<WorkflowDefinition>, StoreError> {
        let found = workflow::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn executable(&self, id: WorkflowId, version: Option<u32>) -> Result<Option<ExecutableVersion>, StoreError> {
        let sql = concat!(include_str!("sql/addressed_by_id.sql"), include_str!("sql/executable_version.sql"));
        let select = sqlx::query_as(sql).bind(id.uuid()).bind(version.map(signed_small).transpose()?);
        self.pinned(select.fetch_optional(self.pool()).await.map_err(Failure::from)?).await
    }

    async fn executable_named(
        &self,
        name: &WorkflowName,
        version: Option<u32>,
    ) -> Result<Option<ExecutableVersion>, StoreError> {
        let sql = concat!(include_str!("sql/addressed_by_name.sql"), include_str!("sql/executable_version.sql"));
        let select = sqlx::query_as(sql).bind(name.as_str().to_owned()).bind(version.map(signed_small).transpose()?);
        self.pinned(select.fetch_optional(self.pool()).await.map_err(Failure::from)?).await
    }

    async fn head(&self, name: &WorkflowName) -> Result<Option<WorkflowDefinition>, StoreError> {
        let heads = heads().filter(workflow::Column::Name.eq(name.as_str()));
        let newest = heads.order_by(workflow::Column::Version, Order::Desc);
        let found = newest.one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn list(
        &self,
        filter: &WorkflowFilter,
        sort: WorkflowSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        let value = match sort {
            WorkflowSort::CreatedAt => "created_at",
            WorkflowSort::UpdatedAt => "updated_at",
            WorkflowSort::Name => lists::NAME,
        };
        self.page(wanted(filter), sorting(value, "id", order), &page, |head| head.cursor(sort)).await
    }

    async fn version(&self, head: WorkflowId, number: u32) -> Result<Option<WorkflowDefinition>, StoreError> {
        let found = workflow::Entity::find()
            .filter(workflow::Column::HeadId.eq(head.uuid()))
            .filter(workflow::Column::Version.eq(signed_small(number)?))
            .one(self.management())
            .await
            .map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn versions(&self, head: WorkflowId, page: PageRequest) -> Result<Page<WorkflowDefinition>, StoreError> {
        let chain = workflow::Entity::find().filter(workflow::Column::HeadId.eq(head.uuid()));
        let newest = sorting("version", "head_id", SortOrder::Descending);
        self.page(chain, newest, &page, WorkflowDefinition::version_cursor).await
    }

    async fn plan(&self, hash: PlanHash) -> Result<Option<WorkflowDocument>, StoreError> {
        let found = plan::Entity::find_by_id(hash.bytes().to_vec()).one(self.management()).await;
        let Some(row) = found.map_err(Failure::from)? else { return Ok(None) };
        Ok(Some(parsed("workflow document", serde_json::from_str(&row.document))?))
    }
}

/// The row that `executable_version.sql` gives.
type Chosen = (Uuid, Uuid, String, i32, Option<Vec<u8>>, String, String);

impl PgStore {
    /// What was chosen, pinned to its plan.
    async fn pinned(&self, chosen: Option<Chosen>) -> Result<Option<ExecutableVersion>, StoreError> {
        let Some((id, head, name, version, plan, status, head_status)) = chosen else { return Ok(None) };
        let plan = match plan {
            Some(plan) => plan_hash(&plan)?,
            None => match self.adopt(WorkflowId::new(id)).await? {
                Some(plan) => plan,
                None => return Ok(None),
            },
        };
        Ok(Some(ExecutableVersion {
            id: WorkflowId::new(id),
            head: WorkflowId::new(head),
            name: sound("workflow's name", WorkflowName::parse(&name))?,
            version: small(version)?,
            plan,
            status: sound("status", WorkflowStatus::parse(&status))?,
            head_status: sound("status", WorkflowStatus::parse(&head_status))?,
        }))
    }

    /// Pins a definition that the old system stored to its plan, which is derived and therefore the same whoever does it
    /// first. One that does not compile stays as it is.
    async fn adopt(&self, id: WorkflowId) -> Result<Option<PlanHash>, StoreError> {
        let Some(definition) = Workflows::get(self, id).await? else { return Ok(None) };
        if compile(&definition.document, &NoSchemas).is_ok() {
            keep_plan(self.management(), definition.plan, &definition.document).await?;
            workflow::Entity::update_many()
                .col_expr(workflow::Column::PlanHash, Expr::value(definition.plan.bytes().to_vec()))
                .filter(workflow::Column::Id.eq(id.uuid()))
                .filter(workflow::Column::PlanHash.is_null())
                .exec(self.management())
                .await
                .map_err(Failure::from)?;
        }
        Ok(Some(definition.plan))
    }

    async fn page(
        &self,
        wanted: Select<workflow::Entity>,
        sorting: Sorting,
        page: &PageRequest,
        cursor: impl FnOnce(&WorkflowDefinition) -> Cursor + Send,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        let rows = sorting.page(self.management(), wanted.clone(), page).await?;
        let found = rows.into_iter().map(decode).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, page).await?;
        Ok(Page::of(found, page, total, cursor))
    }
}

fn sorting(value: &'static str, id: &'static str, order: SortOrder) -> Sorting {
    Sorting { value, id, times: Times::Naive, ids: Ids::Uuid, order }
}

fn heads() -> Select<workflow::Entity> {
    workflow::Entity::find().filter(Expr::col(workflow::Column::Id).eq(Expr::col(workflow::Column::HeadId)))
}

/// The translation of [`WorkflowFilter::matches`].
fn wanted(filter: &WorkflowFilter) -> Select<workflow::Entity> {
    let mut wanted = heads();
    if let Some(name) = &filter.name {
        wanted = wanted.filter(workflow::Column::Name.eq(name.as_str()));
    }
    if let Some(part) = &filter.name_contains {
        wanted = wanted.filter(lists::has_part("name", part));
    }
    match filter.status {
        Some(status) => wanted.filter(workflow::Column::Status.eq(status.as_str())),
        None => wanted.filter(lists::not_deleted()),
    }
}

/// The row of a definition.
pub(crate) fn encode(workflow: &WorkflowDefinition) -> Outcome<workflow::ActiveModel> {
    let text = document_text(&workflow.document)?;
    let data: Value = parsed("workflow document", serde_json::from_str(&text))?;
    Ok(workflow::ActiveModel {
        id: Set(workflow.id.uuid()),
        head_id: Set(Some(workflow.head.uuid())),
        name: Set(workflow.name.as_str().to_owned()),
        version: Set(signed_small(workflow.version)?),
        description: Set(workflow.description.clone()),
        change_summary: Set(workflow.change_summary.as_ref().map(|summary| summary.as_str().to_owned())),
        workflow_data: Set(data),
        workflow_text: Set(beyond_jsonb(&text).map(str::to_owned)),
        plan_hash: Set(Some(workflow.plan.bytes().to_vec())),
        status: Set(workflow.status.as_str().to_owned()),
        revision: Set(signed(workflow.revision)?),
        created_by: Set(workflow.created_by.clone()),
        updated_by: Set(workflow.updated_by.clone()),
        created_at: Set(workflow.created_at.naive_utc()),
        updated_at: Set(workflow.updated_at.naive_utc()),
    })
}

fn document_text(document: &WorkflowDocument) -> Outcome<String> {
    serde_json::to_string(document).map_err(|error| Failure::Unstorable(error.to_string()))
}

/// Keeps a plan's document; keeping the same again changes nothing.
pub(crate) async fn keep_plan<C: ConnectionTrait>(
    connection: &C,
    hash: PlanHash,
    document: &WorkflowDocument,
) -> Outcome<()> {
    let row = plan::ActiveModel { hash: Set(hash.bytes().to_vec()), document: Set(document_text(document)?) };
    let unless_kept = OnConflict::column(plan::Column::Hash).do_nothing().to_owned();
    plan::Entity::insert(row).on_conflict(unless_kept).exec_without_returning(connection).await?;
    Ok(())
}

fn decode(row: workflow::Model) -> Outcome<WorkflowDefinition> {
    let document: WorkflowDocument = match row.workflow_text {
        Some(text) => parsed("workflow document", serde_json::from_str(&text))?,
        None => parsed("workflow document", serde_json::from_value(row.workflow_data))?,
    };
    let plan = match row.plan_hash {
        Some(hash) => plan_hash(&hash)?,
        None => would_be_pinned_to(&document),
    };
    Ok(WorkflowDefinition {
        id: WorkflowId::new(row.id),
        head: WorkflowId::new(row.head_id.unwrap_or(row.id)),
        name: sound("workflow's name", WorkflowName::parse(&row.name))?,
        version: small(row.version)?,
        description: row.description,
        change_summary: row
            .change_summary
            .map(|text| sound("change summary", ChangeSummary::parse(&text)))
            .transpose()?,
        document,
        plan,
        status: sound("status", WorkflowStatus::parse(&row.status))?,
        revision: count(row.revision)?,
        created_at: row.created_at.and_utc(),
        updated_at: row.updated_at.and_utc(),
        created_by: row.created_by,
        updated_by: row.updated_by,
    })
}

/// The plan of a definition that the old system stored; it is kept when the definition is executed first.
fn would_be_pinned_to(document: &WorkflowDocument) -> PlanHash {
    compile(document, &NoSchemas).map_or(PlanHash::new([0; 32]), |plan| plan.hash())
}
