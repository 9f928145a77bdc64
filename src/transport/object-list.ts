/**
 * An empty list that will hold objects, where its pushes are on the hot path. To V8 an empty array is one of small
 * integers until its first push of something else, and code that was compiled for lists in use is thrown away over it:
 * in the first moments of a load, when all of its lists are empty.
 */
export function objectList<T extends object>(): T[] {
  const list: T[] = [NO_OBJECT as T];
  list.length = 0;
  return list;
}
const NO_OBJECT = {};
