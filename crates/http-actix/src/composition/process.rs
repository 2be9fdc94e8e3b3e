//! One process: its parts, wired to a store and a bus, started in an order in which each finds what it needs, and stopped in
//! the order in which nothing is lost.

mod gateways;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use adapters_auth::{AeadVault, Biscuits, Keyring};
use adapters_cron::CronCalendar;
use adapters_schema::JsonSchemas;
use anyhow::Context;
use application::{External, Ports, UseCases, plans::PlanCache};
use domain::{
    access::Role,
    ids::ExecutorId,
    ports::{Duties, Engine, IdGenerator, Requests, Spans, Tokens, Vault},
};
use executor::{
    CheckedGateway, CommitQueue, EngineConfig, EngineHandle, EnginePorts, FeedHub, FleetPorts, Heart, Membership,
    WatchHub, Watchers,
};
use http_actix::{AppState, Registry, RequestIds, Streams, TrustedProxies};

use super::{
    bus::Bus,
    crew::{Crew, Stage},
    door::{self, Guards},
    files, kafka,
    keyring::{self, Place},
    listening::{bind, listen, listen_for_registry},
    measures,
    nobody::Nobody,
    parts::Parts,
    readiness::{Components, Draining},
    stores::{self, Database, Store},
    system::SystemIds,
};
use crate::cli::{EngineKind, Serve};

/// How long requests of others that are under way are waited for, and messages to others, and the last commits.
const GRACE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Orrery {
    address: SocketAddr,
    server: ServerHandle,
    trusted: Option<ServerHandle>,
    registry: Option<ServerHandle>,
    engine: Option<EngineHandle>,
    draining: Draining,
    /// How long it goes on answering after it has said that it is not ready any more.
    delay: Duration,
    /// Whether anything but probes is asked of it.
    serves_api: bool,
    streams: Streams,
    bus: Option<Bus>,
    crew: Crew,
    ingress: Stage,
    egress: Stage,
    writing: Stage,
    heart: Stage,
}

impl Orrery {
    /// Opens the store, starts the parts of the role, and listens.
    pub(crate) async fn start(options: &Serve, spans: Arc<dyn Spans>) -> anyhow::Result<Self> {
        let parts = Parts::of(options)?;
        stores::check_url(options.database_url.as_deref())?;
        options.door.check(options.listen)?;
        let kafka = kafka::config(&options.kafka)?;
        let listeners = Listeners {
            http: bind(options.listen)?,
            trusted: options.door.trusted_listen.map(bind).transpose()?,
            registry: options.registry_listen.map(bind).transpose()?,
        };
        let place = options.database_url.as_ref().map_or(Place::Folder(&options.data), |_| Place::Database);
        let keyring = keyring::load(&options.secret_keys, place)?;
        let vault: Arc<dyn Vault> = AeadVault::new(&keyring);
        let store = match &options.database_url {
            Some(url) => {
                let patience = Duration::from_secs(options.database_wait_seconds);
                let database = Database {
                    url,
                    migrate: !options.no_migrate,
                    announce: kafka.is_some(),
                    accept_newer: options.accept_newer_schema,
                    patience,
                };
                stores::in_database(database, vault.clone()).await?
            }
            None => stores::in_folder(&options.data, vault.clone()).await?,
        };
        let bus = kafka.map(|config| Bus::connect(config, store.clock.clone(), spans.clone())).transpose()?;
        let mut building = Building::new(options, parts, store, bus, spans, Biscuits::new(&keyring));
        building.keep_audit_log(&keyring);
        building.finish(listeners, &keyring, vault).await
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a part ends that should not, and names it.
    pub(crate) async fn failed(&mut self) -> &'static str {
        let engine = self.engine.clone();
        let engine_is_over = async {
            match engine {
                Some(engine) => engine.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            part = self.crew.first_to_end() => part,
            () = engine_is_over => "engine",
        }
    }

    /// Stops: first what comes in, then the runs, then what goes out, the last commits, and at last the heart. From the first moment
    /// on its readiness says so; whoever distributes requests has the delay to notice. Probes of a process without an API are
    /// answered to the end.
    pub(crate) async fn stop(self) {
        self.draining.begin();
        if self.serves_api && !self.delay.is_zero() {
            tracing::info!(
                delay_seconds = self.delay.as_secs(),
                "not ready any more; requests are still answered for a while"
            );
            tokio::time::sleep(self.delay).await;
        }
        // They would not end by themselves, and those who listen go on at another process.
        self.streams.stop();
        for inner in [self.trusted, self.registry].into_iter().flatten() {
            inner.stop(true).await;
        }
        if self.serves_api {
            self.server.stop(true).await;
        }
        // Longer than consumers wait for what they have begun.
        self.ingress.end(GRACE * 3 / 2).await;
        if let Some(engine) = self.engine {
            engine.drain().await;
        }
        self.egress.end(GRACE).await;
        if !self.serves_api {
            self.server.stop(true).await;
        }
        if let Some(bus) = self.bus {
            bus.close().await;
        }
        // The writer ends once every queue before it is gone and everything is written.
        self.writing.end(GRACE / 4).await;
        self.heart.end(GRACE / 4).await;
    }
}

/// The addresses that this process has taken.
struct Listeners {
    http: TcpListener,
    trusted: Option<TcpListener>,
    registry: Option<TcpListener>,
}

/// A process while it is put together.
pub(super) struct Building<'a> {
    pub(super) options: &'a Serve,
    pub(super) parts: Parts,
    pub(super) store: Store,
    pub(super) bus: Option<Bus>,
    pub(super) spans: Arc<dyn Spans>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) tokens: Arc<dyn Tokens>,
    pub(super) plans: Arc<PlanCache>,
    pub(super) crew: Crew,
    pub(super) ingress: Stage,
    pub(super) egress: Stage,
    pub(super) writing: Stage,
    pub(super) heart: Stage,
}

impl<'a> Building<'a> {
    fn new(
        options: &'a Serve,
        parts: Parts,
        store: Store,
        bus: Option<Bus>,
        spans: Arc<dyn Spans>,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
        let plans = Arc::new(PlanCache::new(store.workflows.clone(), Arc::new(JsonSchemas)));
        Self {
            options,
            parts,
            store,
            bus,
            spans,
            ids: Arc::new(RequestIds::new(Arc::new(SystemIds))),
            tokens,
            plans,
            crew: Crew::default(),
            ingress: Stage::default(),
            egress: Stage::default(),
            writing: Stage::default(),
            heart: Stage::default(),
        }
    }

    async fn finish(
        mut self,
        listeners: Listeners,
        keyring: &Keyring,
        vault: Arc<dyn Vault>,
    ) -> anyhow::Result<Orrery> {
        // Before anything is counted: what is counted without a recorder is lost.
        measures::describe(self.options.role);
        let streams = self.options.limits.streams();
        let watchers =
            Watchers { runs: WatchHub::new(self.store.runs.clone()), feed: FeedHub::new(self.store.feed.clone()) };
        let (queue, writer) =
            CommitQueue::telling(self.store.journal.clone(), Some(watchers.clone()), self.spans.clone());
        self.writing.spawn(&mut self.crew, "writer of commits", |_| writer);
        measures::tell(self.parts, &self.store, self.bus.is_some(), (&mut self.crew, &self.egress));
        let membership = self.join().await?;
        let engine = self.engine(&membership, &queue)?;
        let ports = self.ports(engine.as_ref(), &queue, &watchers)?;
        if self.parts.api {
            self.egress.spawn(&mut self.crew, "watch of runs", |stop| watchers.runs.run(stop));
            self.egress.spawn(&mut self.crew, "reader of the feed", |stop| watchers.feed.run(stop));
        }
        let uses = Arc::new(UseCases::new(&ports));
        self.serve_bus(&ports, &membership)?;
        self.keep_dead_letters();
        self.keep_old_runs();
        self.keep_schedules(&ports);
        let draining = Draining::default();
        let readiness = Components {
            draining: draining.clone(),
            parts: self.parts.in_words(),
            runs: self.store.runs.clone(),
            writer: queue,
            membership: self.store.shared.as_ref().and(Some(membership)).filter(|_| self.is_member()),
            bus: self.bus.as_ref().map(Bus::shared),
        };
        let (clock, ids) = (self.store.clock.clone(), self.ids.clone());
        let (accounts, tokens) = (self.store.accounts.clone(), self.tokens.clone());
        let access = door::use_cases(&self.options.door, &ports, accounts, tokens, keyring)?;
        let Guards { api: guard, trusted } = door::guards(&self.options.door, &ports, access.clone());
        let state = if self.parts.api {
            AppState::new(uses, clock, ids, Arc::new(readiness), guard)
        } else {
            AppState::probes_only(uses, clock, ids, Arc::new(readiness), guard)
        };
        let state = state.with_access(access.clone()).with_webhooks(self.webhooks()?);
        let state = state.keeping_answers(self.keep_answers(vault));
        let proxies = TrustedProxies(self.options.door.trusted_proxies.clone());
        let (state, connections) =
            (state.behind(proxies).limited(self.options.limits.limits()?), self.options.limits.connections());
        let state = state.streaming(streams.clone()).telling(self.spans.clone());
        // Without an API nobody would look for a key here; one that is given is for all processes.
        let first_key = if self.parts.api || self.options.door.admin_key.is_some() {
            door::ensure_somebody_has_a_key(&self.options.door, &access).await?
        } else {
            None
        };
        self.egress.spawn(&mut self.crew, "keeper of accounts", |stop| door::keep_accounts(access, stop));
        let trusted = match listeners.trusted {
            Some(listener) => {
                let (at, server, serving) = listen(listener, &state.clone().guarded_by(trusted), &connections)?;
                let role = Role::from(self.options.door.trusted_role).as_str();
                tracing::warn!(
                    address = %at,
                    "http://{at} asks nobody who they are, and gives everybody the role {role}: only trusted programs may reach it"
                );
                self.crew.watch("trusted HTTP server", serving);
                Some(server)
            }
            None => None,
        };
        let registry = match listeners.registry {
            Some(listener) => {
                let registry = Registry::new(self.store.agents.clone()).for_hosts(self.options.door.known_hosts());
                let (server, serving) = listen_for_registry(listener, registry)?;
                self.crew.watch("server of look-ups", serving);
                Some(server)
            }
            None => None,
        };
        let (address, server, serving) = listen(listeners.http, &state, &connections)?;
        self.crew.watch("HTTP server", serving);
        let docs = if self.parts.api { format!(" (docs at http://{address}/docs)") } else { String::new() };
        tracing::info!(address = %address, "listening on http://{address}{docs}");
        if let Some(key) = first_key {
            door::print_first_key(&key, address);
        }
        let (delay, serves_api) = (Duration::from_secs(self.options.drain_delay_seconds), self.parts.api);
        let Self { bus, crew, ingress, egress, writing, heart, .. } = self;
        Ok(Orrery {
            address,
            server,
            trusted,
            registry,
            engine,
            draining,
            delay,
            serves_api,
            streams,
            bus,
            crew,
            ingress,
            egress,
            writing,
            heart,
        })
    }

    /// Whether others rely on this process's signs of life, or must not come beside it.
    fn is_member(&self) -> bool {
        self.parts.engine || self.parts.relay || self.parts.external
    }

    fn duties(&self) -> Duties {
        let requests = match self.parts {
            Parts { external: true, .. } => Requests::Makes,
            Parts { requests: true, .. } => Requests::Takes,
            _ => Requests::Ignores,
        };
        Duties { executes: self.parts.engine, relays: self.parts.relay, requests }
    }

    async fn join(&mut self) -> anyhow::Result<Membership> {
        let Some(shared) = &self.store.shared else {
            return Ok(Membership::alone(ExecutorId::new(self.ids.unique())));
        };
        let (clock, time) = (shared.steered.clone(), shared.time.clone());
        self.heart.spawn(&mut self.crew, "clock", |stop| clock.keep(time, stop));
        if !self.is_member() {
            return Ok(Membership::alone(ExecutorId::new(self.ids.unique())));
        }
        let ports = FleetPorts {
            fleet: shared.fleet.clone(),
            leases: self.store.leases.clone(),
            clock: self.store.clock.clone(),
            ids: self.ids.clone(),
        };
        let lease = Duration::from_secs(self.options.lease_seconds);
        let (membership, heart) =
            Membership::join(ports, self.duties(), lease).await.context("cannot join the fleet")?;
        tracing::info!(executor.id = %membership.me(), "joined the fleet");
        self.heart.spawn(&mut self.crew, "heart", |stop| Heart::beat_on(heart, stop));
        Ok(membership)
    }

    fn engine(&mut self, membership: &Membership, queue: &CommitQueue) -> anyhow::Result<Option<EngineHandle>> {
        if !self.parts.engine {
            return Ok(None);
        }
        let ports = EnginePorts {
            agents: self.store.agents.clone(),
            workflows: self.store.workflows.clone(),
            runs: self.store.runs.clone(),
            leases: self.store.leases.clone(),
            inbox: self.store.inbox.clone(),
            traffic: self.store.traffic.clone(),
            call_tokens: self.call_tokens(),
            gateway: Arc::new(CheckedGateway::new(self.gateway_of_runs()?, Arc::new(JsonSchemas))),
            clock: self.store.clock.clone(),
            spans: self.spans.clone(),
            ids: self.ids.clone(),
            plans: self.plans.clone(),
            monitoring: self.bus.as_ref().map(Bus::monitoring).transpose()?,
            doorbell: self.store.shared.as_ref().map(|shared| shared.doorbell.clone()),
        };
        let config = EngineConfig {
            capacity: files::capacity(self.options.capacity),
            drain_for: Duration::from_secs(self.options.drain_seconds),
            ..EngineConfig::default()
        };
        Ok(Some(executor::spawn(membership.clone(), ports, queue.clone(), config)))
    }

    fn ports(&self, engine: Option<&EngineHandle>, queue: &CommitQueue, watchers: &Watchers) -> anyhow::Result<Ports> {
        let engine: Arc<dyn Engine> = match engine {
            Some(engine) => Arc::new(engine.clone()),
            None => Arc::new(Nobody),
        };
        Ok(Ports {
            agents: self.store.agents.clone(),
            workflows: self.store.workflows.clone(),
            transactions: self.store.transactions.clone(),
            runs: self.store.runs.clone(),
            watch: Arc::new(watchers.runs.clone()),
            feed: self.store.feed.clone(),
            feed_watch: Arc::new(watchers.feed.clone()),
            inbox: self.store.inbox.clone(),
            leases: self.store.leases.clone(),
            fleet: self.store.shared.as_ref().map(|shared| shared.fleet.clone()),
            dead_letters: self.store.dead_letters.clone(),
            audit: self.store.audit.clone(),
            schedules: self.store.schedules.clone(),
            calendar: Arc::new(CronCalendar),
            traffic: self.store.traffic.clone(),
            writer: Arc::new(queue.clone()),
            gateway: self.gateway()?,
            engine,
            clock: self.store.clock.clone(),
            ids: self.ids.clone(),
            plans: self.plans.clone(),
            schemas: Arc::new(JsonSchemas),
            max_nesting: self.options.max_nesting,
            agent_networks: self.options.limits.agent_networks.clone(),
            external: self.store.shared.as_ref().map(|shared| External {
                runs: shared.external.clone(),
                takes_new_runs: self.options.engine == EngineKind::External,
            }),
        })
    }

    /// Starts what comes from the bus and what goes there.
    fn serve_bus(&mut self, ports: &Ports, membership: &Membership) -> anyhow::Result<()> {
        let (Some(bus), Some(shared)) = (&self.bus, &self.store.shared) else { return Ok(()) };
        self.egress.spawn(&mut self.crew, "keeper of topics", |stop| bus.prepare(stop));
        if self.parts.requests {
            let (requests, handler) = (bus.requests(), Arc::new(application::runs::ServeRequests::new(ports)));
            self.ingress.spawn(&mut self.crew, "consumer of requests", |stop| requests.run(handler, stop));
        }
        if self.parts.events {
            let (events, handler) = (bus.events(), Arc::new(application::runs::ServeEvents::new(ports)));
            self.ingress.spawn(&mut self.crew, "consumer of events", |stop| events.run(handler, stop));
        }
        if self.parts.bridge {
            let performer = executor::TaskPerformer::new(
                self.store.agents.clone(),
                self.gateway()?,
                self.spans.clone(),
                self.store.clock.clone(),
            );
            let bridge = bus.bridge();
            self.ingress.spawn(&mut self.crew, "bridge", |stop| bridge.run(Arc::new(performer), stop));
        }
        if self.parts.relay {
            let relay_ports = executor::RelayPorts {
                outbox: shared.outbox.clone(),
                fleet: shared.fleet.clone(),
                publisher: bus.publisher(),
                spans: self.spans.clone(),
                clock: self.store.clock.clone(),
            };
            let mut relay = executor::Relay::new(relay_ports, membership.clone());
            if self.parts.driver {
                let driver_ports = executor::DriverPorts {
                    external: shared.external.clone(),
                    runs: self.store.runs.clone(),
                    executor: bus.external_executor(),
                    clock: self.store.clock.clone(),
                };
                let pace = executor::Pace::default();
                let driver = executor::Driver::new(driver_ports, membership.clone(), relay.driving(), pace);
                self.egress.spawn(&mut self.crew, "driver of the external executor", |stop| driver.run(stop));
            }
            self.egress.spawn(&mut self.crew, "relay", |stop| relay.run(stop));
        }
        Ok(())
    }
}
