"""Runs an inline Map without a call frame per item, at most 40 iterations at once, all ended when one fails.

Touches moto's private parts: `IterationWorker.eval`, `InlineIterationComponent._eval_body`, `JobPool`.
"""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobPool

from emulator.moto_patches import replace
from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.evaluation import AttemptOverError

# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
MOST_AT_ONCE = 40


def work(worker: Any) -> None:
    """Take one item after the other until none is left, one has failed, or the map is over."""
    env, pool = worker._env, worker._job_pool  # noqa: SLF001 - this function is that class's method
    worker_frame = env.open_frame()
    job = pool.next_job()
    while job is not None:
        job_frame = worker_frame.open_inner_frame()
        worker._eval_job(env=job_frame, job=job)  # noqa: SLF001 - as above
        worker_frame.close_frame(job_frame)
        failed = isinstance(job.job_output, Exception) or worker.stopped() or not worker_frame.is_running()
        following = None if failed else pool.next_job()
        if following is None:
            if not failed:
                # The state after the map follows the last event of its iterations.
                worker_frame.event_history_context.source_event_id = (
                    job_frame.event_history_context.last_published_event_id
                )
            # The frame goes before the job, for the map goes on as soon as its last job is closed.
            env.close_frame(worker_frame)
            pool.close_job(job)
            return
        pool.close_job(job)
        job = following
    env.close_frame(worker_frame)


def evaluate_inline(component: Any, env: ExecutionEnvironment) -> None:
    """Run all iterations and leave the array of their outputs on the stack."""
    declared = env.stack.pop()
    program = component._get_iteration_program()  # noqa: SLF001 - moto's way to the states of the ItemProcessor
    pool = JobPool(job_program=program, job_inputs=declared.input_items)
    workers = min(declared.max_concurrency or MOST_AT_ONCE, MOST_AT_ONCE, len(declared.input_items))
    for _ in range(workers):
        component._launch_worker(env=env, eval_input=declared, job_pool=pool)  # noqa: SLF001 - as above
    if workers:
        env.wake(pool._termination_event)  # noqa: SLF001 - so that a stopped execution does not wait for its iterations
        pool.await_jobs()
    error = pool.get_worker_exception()
    if error is not None:
        raise error
    if not env.is_running():
        raise AttemptOverError
    env.stack.append([job.job_output for job in pool.get_closed_jobs()])


def install() -> None:
    """Put these in the place of moto's."""
    replace(IterationWorker, "eval", work, expects=("self",))
    replace(InlineIterationComponent, "_eval_body", evaluate_inline, expects=("self", "env"))
