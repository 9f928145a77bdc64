# Fixed cases for test/stats/reference.test.ts, computed by other people's code: SciPy, statsmodels, pymannkendall.
# Run outside the repository's own tools:
#   python3 -m venv DIR && DIR/bin/pip install scipy==1.15.3 statsmodels==0.15.0 pymannkendall==1.4.3
#   DIR/bin/python scripts/reference/statistics.py > test/stats/reference.json
import itertools
import json

import numpy
import pymannkendall
import scipy
import statsmodels
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

random = numpy.random.default_rng(20_260)


def rounded(values, digits=4):
    return [round(float(value), digits) for value in values]


def pooled(candidate, baseline):
    """Difference of means of two samples with one variance, by SciPy's own two-sample t test."""
    test = stats.ttest_ind(candidate, baseline)
    difference = float(numpy.mean(candidate) - numpy.mean(baseline))
    return difference, difference / float(test.statistic), int(test.df)


def t_cases():
    grid = itertools.product([-3, -0.4, 0.1, 1, 2.2, 3.7, 6, 12, 40], [1, 2, 4, 9, 22, 27, 40])
    return [{'t': t, 'df': df, 'upper': stats.t.sf(t, df)} for t, df in grid]


def quantile_cases():
    grid = itertools.product([0.5 - 1e-9, 0.2, 0.05, 0.025, 1e-3, 1.4e-4, 1e-7], [1, 3, 9, 22, 40])
    return [{'p': p, 'df': df, 't': stats.t.isf(p, df)} for p, df in grid]


def power_cases():
    cases = []
    for alpha, power, df in itertools.product([0.05, 1e-3, 1.4e-4], [0.8, 0.95], [4, 10, 27, 40]):
        critical = stats.t.isf(alpha, df)
        root = optimize.brentq(lambda ncp: stats.nct.sf(critical, df, ncp) - power, 0.1, 60, xtol=1e-12)
        cases.append({'alpha': alpha, 'power': power, 'df': df, 'ncp': root})
    return cases


def two_sample_cases():
    cases = []
    for n, k, shift in [(2, 10, 0.03), (3, 4, -0.05), (3, 20, 0.004), (5, 10, 0.1)]:
        baseline = rounded(random.normal(3, 0.01, k), 6)
        candidate = rounded(random.normal(3 + shift, 0.01, n), 6)
        difference, se, df = pooled(candidate, baseline)
        margin = 0.0513
        cases.append({
            'baseline': baseline,
            'candidate': candidate,
            'margin': margin,
            'difference': difference,
            'standardError': se,
            'df': df,
            'worse': float(stats.ttest_ind(candidate, baseline, alternative='greater').pvalue),
            'better': float(stats.ttest_ind(candidate, baseline, alternative='less').pvalue),
            # Two one-sided tests, each on samples that were shifted by the margin.
            'equivalent': max(
                float(stats.ttest_ind(candidate, numpy.add(baseline, margin), alternative='less').pvalue),
                float(stats.ttest_ind(candidate, numpy.subtract(baseline, margin), alternative='greater').pvalue),
            ),
        })
    return cases


def holm_cases():
    """Unweighted by statsmodels; weighted by closed testing, which is what Holm shortens."""
    cases = []
    for size in [1, 4, 9, 20]:
        p = rounded(random.beta(0.2, 4, size), 7)
        rejected = multipletests(p, alpha=0.01, method='holm')[0]
        cases.append({'p': p, 'weights': [1] * size, 'alpha': 0.01, 'rejected': [bool(one) for one in rejected]})
    for size in [3, 6, 10]:
        p = rounded(random.beta(0.2, 8, size), 7)
        weights = [int(weight) for weight in random.integers(1, 9, size)]
        cases.append({'p': p, 'weights': weights, 'alpha': 0.05, 'rejected': closed(p, weights, 0.05)})
    return cases


def closed(p, weights, alpha):
    """Marcus, Peritz & Gabriel 1976: reject where every intersection that holds it is rejected by weighted Bonferroni."""
    subsets = [s for r in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), r)]
    held = [s for s in subsets if not any(p[i] <= alpha * weights[i] / sum(weights[j] for j in s) for i in s)]
    return [not any(i in s for s in held) for i in range(len(p))]


def trend_cases():
    cases = []
    for n, slope in [(5, 0), (8, 0.3), (10, 0), (12, 0.15), (29, 0.08), (40, 0.02)]:
        y = rounded(random.normal(0, 1, n) + slope * numpy.arange(n), 5)
        tau = stats.kendalltau(range(n), y, method='exact')
        cases.append({'y': y, 'p': float(tau.pvalue), 'slope': float(stats.theilslopes(y).slope)})
    for n in [10, 25, 60]:
        y = [float(value) for value in random.integers(0, 6, n) + numpy.arange(n) // 8]
        cases.append({'y': y, 'p': float(pymannkendall.original_test(y).p), 'slope': float(stats.theilslopes(y).slope)})
    return cases


def levels_cases():
    """Series about levels of their own: as seasons of one series (Hirsch, Slack & Smith 1982)."""
    cases = []
    for levels, n, slope in [(2, 10, 0), (3, 12, 0.1), (5, 8, 0.05)]:
        series = [rounded(random.normal(7 * level, 1, n) + slope * numpy.arange(n), 5) for level in range(levels)]
        interleaved = [series[level][index] for index in range(n) for level in range(levels)]
        cases.append({'series': series, 'p': float(pymannkendall.seasonal_test(interleaved, period=levels).p)})
    return cases


print(json.dumps({
    'by': f'SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}, pymannkendall {pymannkendall.__version__}',
    't': t_cases(),
    'quantile': quantile_cases(),
    'power': power_cases(),
    'twoSamples': two_sample_cases(),
    'holm': holm_cases(),
    'trend': trend_cases(),
    'levels': levels_cases(),
}, indent=1))
