package TpgFormatter;

# The formatter of prove and pg_prove that also leaves the numbers where
# test/bin/run finds them: "passed failed" in the first line of the file that
# TPG_COUNTS names, then one line for each failed test with its description.

use strict;
use warnings;
use parent 'TAP::Formatter::Console';

# file => { number => description } of tests that failed
my %failed;

sub open_test
{
	my ($self, $name, $parser) = @_;

	$parser->callback(test => sub {
		my ($test) = @_;
		$failed{$name}{ $test->number } = $test->description unless $test->is_ok;
	});
	return $self->SUPER::open_test($name, $parser);
}

sub summary
{
	my ($self, $aggregate, $interrupted) = @_;

	$self->SUPER::summary($aggregate, $interrupted);

	my $passed = $aggregate->passed;
	my $failed = 0;
	my @lines;
	foreach my $name ($aggregate->descriptions)
	{
		my ($parser) = $aggregate->parsers($name);
		my @tests = $parser->failed;
		$failed += @tests;
		push @lines, "$name, test $_ " . ($failed{$name}{$_} // '') foreach @tests;

		# a script that died, or ran fewer tests than it had planned
		if (!@tests && $parser->has_problems && !$parser->todo_passed)
		{
			$failed++;
			push @lines, "$name, as a whole (exit status "
			  . ($parser->exit // '?') . ", "
			  . join('; ', $parser->parse_errors) . ")";
		}
	}
	if ($interrupted)
	{
		$failed++;
		push @lines, 'interrupted';
	}

	return unless $ENV{TPG_COUNTS};
	open my $out, '>', $ENV{TPG_COUNTS} or die "$ENV{TPG_COUNTS}: $!";
	print $out "$passed $failed\n", map { "$_\n" } @lines;
	close $out;
	return;
}

1;
