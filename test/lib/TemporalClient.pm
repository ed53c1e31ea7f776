package TemporalClient;

# A client that outlives the server. It asks its statements one by one, in a
# session (psql) of its own; when that is cut off, it connects again and goes on
# with the statement that was not answered. So each has to be one that can be
# asked twice: it carries a request id, an update id, or a key of its own. Each
# gives one row with a column "result".
#
#   my $c = TemporalClient->new($node, errors => 'TP023', doubtful => 1);
#   $c->ask("SELECT temporal.signal(...) AS result");   # any number, at any time
#   $c->run;        # often: takes in the answers, connects; false when all is answered
#   $c->{answers}   # [[ '00000', 't' ], [ 'TP023', 'update ...' ], ...] as they were asked
#
# An answer is a row, or an error whose SQLSTATE matches errors, a pattern. Any other error
# ends the session, and what it answered is asked again.
# doubtful => 1: after a cut the last answered statement is asked once more too,
# as by a client that went down before it could note the answer.

use strict;
use warnings;
use Carp;
use POSIX qw(WNOHANG _exit);
use PostgreSQL::Test::Utils;

my $clients = 0;

sub new
{
	my ($class, $node, %opt) = @_;
	my $self = {
		node => $node,
		file => PostgreSQL::Test::Utils::tempdir() . '/client' . ++$clients,
		errors => $opt{errors} // '^$',
		doubtful => $opt{doubtful} // 0,
		asked => [],
		answers => [],
		cuts => 0,          # sessions that ended before all was answered
		again => 0,         # statements that were asked again although they had been answered
		different => [],    # answers that were not the same then
		trouble => [],      # errors that are neither answers nor the server's end
		in_vain => 0,       # sessions one after the other that brought nothing
	};
	return bless $self, $class;
}

sub ask { my ($self, @sql) = @_; push @{ $self->{asked} }, @sql; return; }
sub is_connected { return defined $_[0]{pid} }
sub is_done { return @{ $_[0]{answers} } == @{ $_[0]{asked} } }

# Reads what the session has said since the last look.
sub take_answers
{
	my ($self) = @_;
	open my $fh, '<', "$self->{file}.out" or croak "$self->{file}.out: $!";
	seek $fh, $self->{read}, 0;
	while (my $line = <$fh>)
	{
		last unless $line =~ /\n\z/;    # half a line: next time
		$self->{read} += length $line;
		next unless $line =~ /^#(\d+) (\w{5}) (.*)$/;
		my ($n, @answer) = ($1, $2, $3);
		if ($answer[0] ne '00000' && $answer[0] !~ $self->{errors})
		{
			# 57P..: it goes down, or comes up
			push @{ $self->{trouble} }, "$self->{asked}[$n]: @answer" unless $answer[0] =~ /^57P/;
			next;
		}
		if (my $first = $self->{answers}[$n])
		{
			push @{ $self->{different} }, "$self->{asked}[$n]: @$first, then @answer" if "@$first" ne "@answer";
			next;
		}
		croak "answer $n out of turn" if $n != @{ $self->{answers} };
		push @{ $self->{answers} }, \@answer;
		$self->{in_vain} = 0;
	}
	close $fh;
	return;
}

sub connect
{
	my ($self) = @_;
	my $from = @{ $self->{answers} };
	if ($self->{doubtful} && $self->{was_cut} && $from > 0)
	{
		$from--;
		$self->{again}++;
	}
	# \warn writes at once, \echo when its buffer is full
	open my $fh, '>', "$self->{file}.sql" or croak $!;
	for my $n ($from .. $#{ $self->{asked} })
	{
		print $fh "$self->{asked}[$n] \\gset\n\\if :ERROR\n\\warn '#'$n :SQLSTATE :LAST_ERROR_MESSAGE\n",
		  "SELECT :'SQLSTATE' !~ '$self->{errors}' AS stop \\gset\n\\if :stop\n\\q\n\\endif\n",
		  "\\else\n\\warn '#'$n :SQLSTATE :result\n\\endif\n";
	}
	close $fh;
	open my $out, '>', "$self->{file}.out" or croak $!;
	$self->{read} = 0;
	defined($self->{pid} = fork) or croak "fork: $!";
	if ($self->{pid} == 0)
	{
		open STDIN, '<', "$self->{file}.sql" or _exit(9);
		open STDOUT, '>', '/dev/null' or _exit(9);
		open STDERR, '>&', $out or _exit(9);
		exec 'psql', '-XqAt', '-d', $self->{node}->connstr('postgres') or _exit(9);
	}
	close $out;
	return;
}

# True as long as there is something to wait for.
sub run
{
	my ($self) = @_;
	if (defined $self->{pid})
	{
		my $ended = waitpid($self->{pid}, WNOHANG) != 0;
		$self->take_answers;
		return 1 unless $ended;
		undef $self->{pid};
		$self->{was_cut} = !$self->is_done;
		$self->{cuts}++ if $self->{was_cut};
		# in recovery a server answers nobody for a while
		croak "no answer any more: $self->{asked}[@{ $self->{answers} }]\n" . slurp_file("$self->{file}.out")
		  if $self->{was_cut} && ++$self->{in_vain} > 20;
		$self->{node}->wait_ready if $self->{in_vain} > 1;
	}
	return 0 if $self->is_done;
	$self->connect;
	return 1;
}

1;
