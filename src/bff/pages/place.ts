/** Where a view is opened: what its address says beyond its name, and what to do with a fault that it cannot show itself. */
export interface Place {
  readonly rest: string;
  readonly onFault: (error: unknown) => void;
}
