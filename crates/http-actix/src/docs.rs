//! The pages about the API: Swagger UI, ReDoc, the OpenAPI document in two versions and the table of errors, all from inside the binary.
//!
//! Nothing is fetched from elsewhere, and the content security policy makes sure of it.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
};

use actix_web::{
    HttpRequest, HttpResponse, Resource, Route,
    http::{
        StatusCode,
        header::{self, EntityTag, Header, IfNoneMatch},
    },
    web::{self, Bytes, ServiceConfig},
};
use rust_embed::RustEmbed;

use crate::{
    api::Documents,
    problem::{Code, Problem, errors_html},
};

/// Scripts and styles only from this server; ReDoc makes its worker from a blob and both pages set styles by script.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// The pages.
#[derive(Clone)]
pub(crate) struct Pages {
    describe: fn() -> Documents,
    descriptions: Arc<OnceLock<Descriptions>>,
    errors: Bytes,
}

/// The API's description, as it is sent.
struct Descriptions {
    openapi: Bytes,
    openapi_3_0: Bytes,
}

impl Pages {
    /// The pages about an API, which is described when somebody asks for it first.
    pub(crate) fn new(describe: fn() -> Documents) -> Self {
        Self { describe, descriptions: Arc::default(), errors: errors_html().into() }
    }

    /// Mounts the pages.
    pub(crate) fn configure(&self, cfg: &mut ServiceConfig) {
        let (pages, pages_3_0, errors) = (self.clone(), self.clone(), self.errors.clone());
        let mut page = |path: &str, route: Route| {
            cfg.service(Resource::new(path).route(route).default_service(web::to(wrong_method)));
        };
        page("/openapi.json", web::get().to(move || pages.clone().description(|made| &made.openapi)));
        page("/openapi-3.0.json", web::get().to(move || pages_3_0.clone().description(|made| &made.openapi_3_0)));
        page("/docs/errors", web::get().to(move || ready(text("text/html; charset=utf-8", errors.clone()))));
        page("/docs", web::get().to(|request: HttpRequest| async move { asset(&request, "swagger-ui.html") }));
        page("/redoc", web::get().to(|request: HttpRequest| async move { asset(&request, "redoc.html") }));
        page("/docs/assets/{name:.+}", web::get().to(named_asset));
    }

    async fn description(self, which: fn(&Descriptions) -> &Bytes) -> Result<HttpResponse, Problem> {
        let body = match self.descriptions.get() {
            Some(made) => which(made).clone(),
            // Tens of milliseconds, which other requests are not to wait for.
            None => web::block(move || which(self.descriptions()).clone())
                .await
                .map_err(|error| Problem::internal(error.to_string()))?,
        };
        Ok(text("application/json", body))
    }

    fn descriptions(&self) -> &Descriptions {
        self.descriptions.get_or_init(|| {
            let documents = (self.describe)();
            // A JSON value always has a text. It stays as long as the server: without room to grow.
            let text = |document| serde_json::to_vec_pretty(document).unwrap_or_default().into_boxed_slice().into();
            Descriptions { openapi: text(&documents.openapi), openapi_3_0: text(&documents.openapi_3_0) }
        })
    }
}

async fn wrong_method() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("GET"))
}

fn text(content_type: &'static str, body: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(body)
}

async fn named_asset(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    asset(&request, &name)
}

/// A file, unless the client has it already.
fn asset(request: &HttpRequest, name: &str) -> Result<HttpResponse, Problem> {
    let file = Assets::get(name).ok_or_else(|| Problem::new(Code::NotFound, "Not Found"))?;
    let digest = u128::from_be_bytes(file.metadata.sha256_hash().first_chunk().copied().unwrap_or_default());
    let tag = EntityTag::new_strong(format!("{digest:032x}"));
    let status = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(known)) if known.iter().any(|known| known.weak_eq(&tag)) => StatusCode::NOT_MODIFIED,
        _ => StatusCode::OK,
    };
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(file.metadata.mimetype());
    Ok(if status == StatusCode::NOT_MODIFIED { answer.finish() } else { answer.body(file.data) })
}
