/** Walks from a name to the names above it, on the keys of `Name`, without making names. */

/**
 * The value of the closest name above `key` (never of `key` itself) that `map` has; undefined if it has none.
 * `key` is `Name.key`: labels with their length octets, so every suffix that starts at a label is an ancestor's key.
 */
export function closestAbove<T>(map: ReadonlyMap<string, T>, key: string): T | undefined {
  if (map.size === 0) return undefined;
  for (let at = 0; at < key.length - 1;) {
    at += key.charCodeAt(at) + 1;
    const value = map.get(key.slice(at));
    if (value !== undefined) return value;
  }
  return undefined;
}
