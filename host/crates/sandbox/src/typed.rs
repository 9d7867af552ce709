//! Calls of the typed form.

use stepwell_run::{Failure, FailureKind, LimitKind, Outcome, WasmCall};
use wasmtime::Engine;

use crate::bindings::StepPre;
use crate::bindings::stepwell::step::types;
use crate::drive::{Driven, drive};
use crate::ending::{Circumstances, MAX_CAUSES, MAX_MESSAGE_BYTES};
use crate::log_sink::cut_with_mark;
use crate::setup::Setup;
use crate::state::{Preview2, State, store};
use crate::values::{InputRefused, decode, encode};

/// Calls `run` of a typed step in an instance of its own.
pub(crate) async fn run(engine: &Engine, pre: &StepPre<State<Preview2>>, call: &WasmCall, setup: Setup<'_>) -> Outcome {
    let (control, limits, log) = (setup.control, &setup.limits.clone(), setup.log.clone());
    let tenant = setup.caller.tenant.clone();
    let deadline = setup.facts.deadline;
    let mut store = store(engine, setup.into_state(Preview2::new));
    let inputs = call.inputs.iter().map(|(name, marked)| (name.as_str(), &marked.value));
    let items = match encode(inputs) {
        Ok(items) => items,
        Err(refused) => {
            let meter = &store.data().meter;
            return refuse(&refused, &Circumstances { limits, meter, log: &log });
        }
    };
    let watch = store.data().meter.watch();
    let driven = drive(
        async {
            let step = pre.instantiate_async(&mut store).await?;
            step.call_run(&mut store, &items).await
        },
        &watch,
        &tenant,
        control,
        deadline,
    )
    .await;
    let circumstances = Circumstances { limits, meter: &store.data().meter, log: &log };
    match driven {
        Driven::Cancelled => Outcome::Cancelled,
        Driven::WallTimeOver => circumstances.wall_time_over(),
        Driven::Ended(Err(error)) => circumstances.broken(&error),
        Driven::Ended(Ok(Err(failure))) => {
            let failure = converted(failure);
            if failure.kind == FailureKind::Cancelled && control.cancelled.is_cancelled() {
                return Outcome::Cancelled;
            }
            circumstances.failed(failure)
        }
        Driven::Ended(Ok(Ok(completion))) => match decode(completion) {
            Ok(returned) => Outcome::Returned(returned, circumstances.meter.usage()),
            Err(problems) => circumstances.failed(Failure {
                kind: FailureKind::Internal,
                message: "the step handed over what is not valid".to_owned(),
                causes: problems.into_iter().take(MAX_CAUSES).collect(),
                hint: None,
            }),
        },
    }
}

fn refuse(refused: &InputRefused, circumstances: &Circumstances<'_>) -> Outcome {
    match refused {
        InputRefused::TooLarge { .. } | InputRefused::TooMany { .. } => {
            circumstances.limit(LimitKind::Message, refused.to_string())
        }
        InputRefused::Invalid { .. } => circumstances.failed(Failure {
            kind: FailureKind::InvalidInput,
            message: refused.to_string(),
            causes: Vec::new(),
            hint: None,
        }),
    }
}

fn converted(failure: types::Failure) -> Failure {
    let text = |text: String| cut_with_mark(text, MAX_MESSAGE_BYTES);
    Failure {
        kind: match failure.kind {
            types::FailureKind::InvalidInput => FailureKind::InvalidInput,
            types::FailureKind::Failed => FailureKind::Failed,
            types::FailureKind::Unavailable => FailureKind::Unavailable,
            types::FailureKind::Denied => FailureKind::Denied,
            types::FailureKind::Cancelled => FailureKind::Cancelled,
            types::FailureKind::Internal => FailureKind::Internal,
        },
        message: text(failure.message),
        causes: failure.causes.into_iter().take(MAX_CAUSES).map(text).collect(),
        hint: failure.hint.map(text),
    }
}
