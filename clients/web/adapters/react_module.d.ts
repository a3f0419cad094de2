/** What `react.js` takes from React, to check it here without React; it is not in the package. */
declare module "react" {
  export function useEffect(effect: () => (() => void) | void, on: readonly unknown[]): void;
  export function useState<T>(initial: T): [T, (value: T) => void];
  export function useSyncExternalStore<T>(
    subscribe: (listener: () => void) => () => void,
    snapshot: () => T,
  ): T;
}
