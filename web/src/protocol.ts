/** What the server says, as it comes over the wire. Coordinates are pixels of the picture that was sent. */

export type Color = readonly [red: number, green: number, blue: number];
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];
export type WirePoint = readonly [x: number, y: number, score: number] | null;

export interface Skeleton {
  readonly name: string;
  readonly keypoints: readonly string[];
  readonly edges: readonly (readonly [number, number])[];
  readonly colors: readonly Color[];
}

export interface Instance {
  readonly id: number | null;
  readonly score: number;
  readonly box: Box | null;
  readonly label?: string;
  readonly keypoints: readonly WirePoint[];
}

export interface Hello {
  readonly type: "hello";
  readonly model: string;
  readonly task: string;
  readonly skeleton: Skeleton;
}

export interface Result {
  readonly type: "result";
  readonly id: number;
  readonly seconds: number | null;
  readonly size: readonly [width: number, height: number];
  readonly instances: readonly Instance[];
  readonly milliseconds: number;
  readonly age: number;
  readonly dropped: number;
}

export interface Complaint {
  readonly type: "error";
  readonly id?: number | null;
  readonly message: string;
}

export type Message = Hello | Result | Complaint;

/** The answer to one picture over REST. */
export interface Detection {
  readonly model: string;
  readonly skeleton: Skeleton;
  readonly size: readonly [width: number, height: number];
  readonly instances: readonly Instance[];
  readonly milliseconds: number;
}

export interface Model {
  readonly name: string;
  readonly task: string;
  readonly skeleton: string;
  readonly license: string;
  readonly ready: boolean;
}

export interface Catalogue {
  readonly tasks: Readonly<Record<string, { readonly model: string; readonly skeleton: string }>>;
  readonly models: readonly Model[];
}
