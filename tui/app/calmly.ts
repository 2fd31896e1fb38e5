type Subscribe = (listener: () => void) => () => void;

/** The same subscription, whose listeners hear of changes at most once in so many milliseconds. */
export function calmly(subscribe: Subscribe, everyMs: number): Subscribe {
  return (listener) => {
    let heardAt = -Infinity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      timer = undefined;
      heardAt = performance.now();
      listener();
    };
    const unsubscribe = subscribe(() => {
      if (timer !== undefined) return;
      const waitMs = heardAt + everyMs - performance.now();
      if (waitMs <= 0) tell();
      else timer = setTimeout(tell, waitMs);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  };
}
