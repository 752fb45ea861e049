//! `/-/admin/health`: whether everything that the server needs is there.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode};
use supercargo_pages::{
    AdminHead, AlarmRow, HealthPage, Moment, ServiceRow, Trial, UpstreamHealthRow, UpstreamState,
};
use supercargo_registry::{
    AuditItem, Checked, CircuitState, Failure, HealthState, Inspection, Instance, ServiceHealth,
    UpstreamCondition,
};
use supercargo_types::Timestamp;

use super::{
    super::{errors, respond::page, visitor::Visitor},
    audit::frame,
    took,
};

/// `GET /-/admin/health`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let made = shown(&instance, &visitor).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn shown(instance: &Instance, visitor: &Visitor) -> Result<Response<Body>, Failure> {
    let right = instance.may_administer_instance(visitor.actor.clone())?;
    let Inspection {
        started_at,
        engine,
        is_shared,
        database,
        storage,
        upstreams,
        alarms,
        newest_alarms,
    } = instance.inspect(&right).await?;
    let now = instance.clock().now();
    let template = HealthPage {
        frame: frame(visitor, "Health"),
        head: AdminHead { part: "health" },
        started: Moment::new(started_at, now),
        engine,
        is_shared,
        database: trial(database),
        storage: trial(storage),
        upstreams: upstreams
            .into_iter()
            .map(|upstream| row(upstream, now))
            .collect(),
        alarms,
        newest_alarms: newest_alarms
            .into_iter()
            .map(|alarm| alarm_row(alarm, now))
            .collect(),
    };
    page(visitor, StatusCode::OK, &template)
}

fn trial(checked: Checked) -> Trial {
    match checked {
        Checked::Well(after) => Trial::Well(took(after)),
        Checked::Failed(reason) => Trial::Failed(errors::sentence(&reason)),
    }
}

fn row(upstream: UpstreamCondition, now: Timestamp) -> UpstreamHealthRow {
    let services = upstream.services.iter().flatten();
    let services = services.zip(["index", "downloads"]);
    UpstreamHealthRow {
        services: services
            .map(|(service, name)| service_row(name, service, now))
            .collect(),
        name: upstream.name,
        state: match upstream.state {
            HealthState::Ok => UpstreamState::Ok,
            HealthState::Failing => UpstreamState::Failing,
            HealthState::Unknown => UpstreamState::Unknown,
        },
        failing: upstream
            .failing
            .map(|(since, reason)| (Moment::new(since, now), errors::capital(&reason))),
        registry: upstream.registry.map(|name| name.to_string()),
        readers: upstream.readers,
    }
}

fn service_row(name: &'static str, service: &ServiceHealth, now: Timestamp) -> ServiceRow {
    let (circuit, until) = match service.state {
        CircuitState::Closed if service.last_success.is_none() => ("not asked yet", None),
        CircuitState::Closed => ("asked", None),
        CircuitState::Open { until } => ("left alone", Some(until)),
        CircuitState::HalfOpen => ("tried again", None),
    };
    let answered = service.last_success.zip(service.latency);
    ServiceRow {
        name,
        circuit: match (circuit, &service.last_failure) {
            ("not asked yet", Some(_)) => "asked",
            (circuit, _) => circuit,
        },
        is_open: service.state != CircuitState::Closed,
        until: until.map(|until| Moment::new(until, now)),
        answered: answered.map(|(at, latency)| (Moment::new(at, now), took(latency))),
        failed: service
            .last_failure
            .as_ref()
            .map(|(at, reason)| (Moment::new(*at, now), reason.to_string())),
    }
}

fn alarm_row(alarm: AuditItem, now: Timestamp) -> AlarmRow {
    AlarmRow {
        id: alarm.id,
        at: Moment::new(alarm.at, now),
        action: alarm.action,
        detail: alarm.detail.unwrap_or_default(),
        registry: alarm.registry,
    }
}
