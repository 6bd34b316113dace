// Asks the server how far a job is, again and again, and has the page drawn anew when there is more to see.

const PAUSE_MS = 250; // between an answer and the next question
const LOST_AFTER = 3; // questions in a row without an answer
const LONGEST_PAUSE_MS = 8000;

class Watcher {
  /** told: called with each answer of the server, see viz/routes.py; with null once it cannot be reached. */
  constructor(url, told) {
    this.url = url;
    this.told = told;
    this.stopped = new AbortController();
    this.ask();
  }

  stop() {
    this.stopped.abort();
  }

  async ask() {
    let seen = "";
    let failures = 0;
    while (!this.stopped.signal.aborted) {
      try {
        const answer = await this.answer(seen);
        failures = 0;
        seen = answer.seen;
        this.told(answer);
        if (answer.over) return;
        await this.pause(PAUSE_MS);
      } catch {
        if (this.stopped.signal.aborted) return;
        failures += 1;
        if (failures >= LOST_AFTER) this.told(null);
        await this.pause(Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** failures));
      }
    }
  }

  async answer(seen) {
    const response = await fetch(`${this.url}?seen=${encodeURIComponent(seen)}`, {
      cache: "no-store",
      signal: this.stopped.signal,
    });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

const REDRAW_MS = 1000; // between two drawings of what is there so far; more where one takes long
const LONGEST_REDRAW_MS = 10000;
const AGAIN_MS = 6000; // an order that the server has not followed by then is given again

/** Orders the script to run again: at once, or not before the last run has been paid for. */
class Redrawing {
  constructor() {
    this.timer = 0;
    this.interval = REDRAW_MS;
    this.ordered = 0;
    this.drawn = performance.now();
    this.count = 0;
  }

  /** The script has run, and gave this part its data. */
  done(send) {
    this.send = send;
    const now = performance.now();
    if (this.ordered) this.interval = clamp(3 * (now - this.ordered), REDRAW_MS, LONGEST_REDRAW_MS);
    this.drawn = now;
    this.ordered = 0;
    clearTimeout(this.timer);
    this.timer = 0;
  }

  order(now) {
    if (this.timer && !now) return;
    clearTimeout(this.timer);
    const wait = now ? 0 : Math.max(0, this.drawn + this.interval - performance.now());
    this.timer = setTimeout(() => this.give(), wait);
  }

  give() {
    this.ordered = performance.now();
    this.count += 1;
    this.send("look", this.count);
    this.timer = setTimeout(() => this.give(), AGAIN_MS);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
