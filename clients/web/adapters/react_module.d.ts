/** The part of React that `react.js` uses, to check it without React; not in the package. */
declare module "react" {
  export function useEffect(effect: () => (() => void) | void, on: readonly unknown[]): void;
  export function useState<T>(initial: T): [T, (value: T) => void];
  export function useSyncExternalStore<T>(
    subscribe: (listener: () => void) => () => void,
    snapshot: () => T,
  ): T;
}
