"""One view of the page Latents by itself, as the page draws it inside its fragment."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.app import visit

TEXT = "one two three four one two three four one two three"


def page(view: str) -> None:
    """The script that AppTest runs: what it needs it must import."""
    import importlib

    from viz.services import Request
    from viz.state import keys, session
    from viz.views.latents.subject import Subject, chosen_place, obtain_subject

    session.begin()
    module, name = view.rsplit(".", 1)
    found = obtain_subject(Request(session.get(keys.MODEL), "auto", session.get(keys.TEXT)))
    if found is not None:
        subject = Subject(found[0], found[1], *chosen_place(found[1]), dark=False)
        getattr(importlib.import_module(f"viz.views.latents.{module}"), name)(subject)
    session.remember()


def open_view(view: str, model: str | Path = "family-mla", text: str = TEXT, **address: object) -> AppTest:
    """The view (module.function) of a model on a text, opened at an address with these further parameters."""
    app = AppTest.from_function(page, default_timeout=visit.TIMEOUT_S, kwargs={"view": view})
    for name, value in {"model": model, "text": text, **address}.items():
        app.query_params[name] = str(value)
    return settle(visit.rerun(app))


WORKS = ("spectra", "other-spectra", "other-model", "overlap", "cut-effect", "latent-worth")


def settle(app: AppTest) -> AppTest:
    """Run again, as the page itself does, until nothing works in the background."""
    for _ in range(6):
        jobs = [app.session_state[f"_job-{name}"][1] for name in WORKS if f"_job-{name}" in app.session_state]
        running = [job for job in jobs if job.running]
        if not running:
            return app
        for job in running:
            job.wait(visit.TIMEOUT_S)
        visit.rerun(app)
    raise AssertionError("the view's work does not come to an end")
