// One model of a chart: values over one axis, in one or two panels, with marks and bands. Chart, tooltip, keyboard
// and table all show the same rows of it.

export interface View {
  /** What the chart shows, for those who do not see it. */
  readonly description: string;
  /** What stands below the chart, a sentence each. */
  readonly notes?: readonly string[];
  readonly x: {
    readonly name: string;
    /** Ascending; every line has one value for each. */
    readonly values: readonly number[];
    readonly format: (value: number) => string;
    /** For the axis, where `format` is too long for it. */
    readonly short?: (value: number) => string;
    /** Ends of the axis; absent = those of the values. */
    readonly range?: readonly [number, number];
    /** Where the axis is labelled; absent = where it likes. */
    readonly ticks?: readonly number[];
  };
  readonly panels: readonly Panel[];
  readonly lines: readonly Line[];
  /** Upright lines at an x. */
  readonly marks?: readonly { readonly x: number; readonly text: string; readonly isBaseline: boolean }[];
  /** Shaded spans of x. */
  readonly bands?: readonly { readonly from: number; readonly to: number; readonly text: string }[];
  /** Counted rectangles behind the lines of the first panel. */
  readonly heat?: {
    readonly cells: readonly {
      readonly x: number;
      readonly width: number;
      readonly low: number;
      readonly high: number;
      readonly count: number;
    }[];
  };
}

export interface Panel {
  readonly name: string;
  readonly format: (value: number) => string;
  /** Ratio scale where the values span more than a decade. */
  readonly mayBeLogarithmic?: boolean;
  /** Small changes matter: the axis need not begin at zero. */
  readonly floats?: boolean;
}

export interface Line {
  readonly name: string;
  readonly panel: 0 | 1;
  readonly values: readonly (number | null)[];
  /** `now` and `baseline` are told apart by dash and marker as well as by colour. */
  readonly style: 'now' | 'baseline' | 'third' | 'aside' | 'points';
  /** Text of a value where its panel's format does not do. */
  readonly texts?: readonly string[];
  readonly isStep?: boolean;
}

/** One row for each x, one column for each line, as texts. */
export function rowsOf({ x, panels, lines }: View): { readonly columns: string[]; readonly rows: string[][] } {
  return {
    columns: [
      x.name,
      ...lines.map(({ name, panel }) => (panels.length > 1 ? `${panels[panel]!.name}: ${name}` : name)),
    ],
    rows: x.values.map((value, row) => [
      x.format(value),
      ...lines.map(({ values, panel, texts }) => {
        const known = values[row] ?? null;
        return known === null ? '–' : (texts?.[row] ?? panels[panel]!.format(known));
      }),
    ]),
  };
}

/** Whether a panel of these values is better read on a ratio scale. */
export function isLogarithmic(values: readonly number[]): boolean {
  if (values.length === 0 || values.some((value) => value <= 0)) return false;
  return Math.max(...values) / Math.min(...values) > 10;
}

/** 1, 2 and 5 of each decade within the range; only the 1s where that would be too many. */
export function logTicks(low: number, high: number): number[] {
  const ticks = (factors: readonly number[]): number[] => {
    const all: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      all.push(...factors.map((factor) => factor * 10 ** power));
    return all.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
  const fine = ticks([1, 2, 5]);
  return fine.length <= 8 ? fine : ticks([1]);
}
