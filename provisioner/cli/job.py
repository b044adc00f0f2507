"""``clonesys job``: what machines are doing and have done."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.base.units import binary, clock, duration
from provisioner.cli.asking import Yes
from provisioner.cli.context import of
from provisioner.cli.ending_jobs import agreeing, left
from provisioner.cli.job_lines import progress_line
from provisioner.cli.output import AsJson, harmless, print_facts, print_json, say
from provisioner.cli.table import print_table
from provisioner.commands.job.cancel import CancelJobs, cancel_jobs
from provisioner.jobs import queue
from provisioner.jobs.life import ACTIVE, ENDED, JobState
from provisioner.jobs.standing import Standing, standing
from provisioner.jobs.views import JobView, StepView

app = typer.Typer(no_args_is_help=True, help="Jobs: what machines do and have done.")

Number = Annotated[int, typer.Argument(help="The job's number.")]


@app.command("list")
def list_(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Only this machine's.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with of(context).appliance() as appliance:
        found = queue.list_jobs(appliance.database, host.lower() if host else None, limit)
        now, policy = appliance.now(), appliance.config.contact
    if as_json:
        print_json(found)
        return
    print_table(
        ("job", "host", "profile", "state", "attempts", "made", ""),
        [_row(job, progress_line(job, now, policy)) for job in found],
    )


@app.command()
def show(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Show one job: steps, log, error, receipt."""
    with of(context).appliance() as appliance:
        job = queue.get_job(appliance.database, number)
        log = queue.get_log(appliance.database, number)
        now, policy = appliance.now(), appliance.config.contact
    if as_json:
        print_json({"job": job, "log": log})
        return
    print_facts(_facts(job, standing(job, now, policy), progress_line(job, now, policy)))
    if job.steps:
        say("\nsteps:")
        print_table(("step", "state", "bytes", "time", ""), [_step(step) for step in job.steps])
    if log:
        say("\nlog:")
        for line in log:
            text = "\n      ".join(map(harmless, line.text.splitlines()))
            say(f"  {clock(line.at)} {harmless(line.step):<12} {line.state:<8} {text}")


@app.command()
def cancel(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="The jobs' numbers.")],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End jobs. A machine that is at one stops at its next report; asks, as its disk may be half written."""
    ours = of(context)
    agree = agreeing(yes=yes, what="Cancel")
    with ours.appliance() as appliance:
        ended = cancel_jobs(appliance, ours.actor, CancelJobs(tuple(numbers)), agree=agree)
    if as_json:
        print_json({"cancelled": ended})
        return
    for job in ended:
        say(harmless(f"job {job.job} on {job.host} is cancelled: {job.disk}"))
    left(ended)


def _facts(job: JobView, known: Standing, progress: str) -> list[tuple[str, str]]:
    receipt = job.receipt or {}
    return [
        ("job", str(job.id)),
        ("host", job.host),
        ("profile", f"{job.profile} ({job.action})"),
        ("state", job.state),
        ("error", job.error),
        ("hint", job.hint or known.hint),
        ("progress", progress if job.state in ACTIVE - {JobState.QUEUED} else ""),
        ("known", known.note if job.state in ENDED else ""),
        ("attempts", str(job.attempts)),
        ("made", f"{clock(job.created)}{f' by {job.made_by}' if job.made_by else ''}"),
        ("started", clock(job.started)),
        ("last word", clock(job.heard)),
        ("ended", clock(job.ended)),
        ("up", clock(job.up)),
        ("disk", f"{receipt['disk_name']} {receipt['disk_serial']}".strip() if receipt else ""),
        ("proved", f"{receipt['chunks_verified']} of {receipt['chunks_total']} chunks" if receipt else ""),
    ]


def _row(job: JobView, progress: str) -> tuple[str, ...]:
    attempts, made = str(job.attempts), clock(job.created)
    return str(job.id), job.host, job.profile, job.state, attempts, made, progress


def _step(step: StepView) -> tuple[str, ...]:
    moved = f"{binary(step.done)} of {binary(step.total)}" if step.total else ""
    end = step.ended or step.heard
    took = duration(end - step.started) if step.started is not None and end is not None else ""
    return step.title or step.name, step.state, moved, took, step.detail
