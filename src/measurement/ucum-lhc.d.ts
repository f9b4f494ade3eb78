declare module '@lhncbc/ucum-lhc' {
  interface Conversion {
    readonly status: 'succeeded' | 'failed' | 'error';
    readonly toVal: number | null;
    readonly msg: readonly string[];
  }
  interface Validation {
    readonly status: 'valid' | 'invalid' | 'error';
    readonly ucumCode: string | null;
  }
  interface UcumLhcUtils {
    convertUnitTo(fromUnitCode: string, fromVal: number, toUnitCode: string): Conversion;
    validateUnitString(code: string): Validation;
  }
  const ucumPkg: { readonly UcumLhcUtils: { getInstance(): UcumLhcUtils } };
  export default ucumPkg;
}
